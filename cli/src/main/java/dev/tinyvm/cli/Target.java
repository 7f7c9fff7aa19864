package dev.tinyvm.cli;

import dev.tinyvm.sdk.AgentInfo;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.TinyVmException;
import dev.tinyvm.sdk.VmInfo;
import java.util.List;

/** What a word on the command line means: an agent by its name, else a VM by its id or name. */
sealed interface Target {
    record OfAgent(AgentInfo agent) implements Target {}

    record OfVm(VmInfo vm) implements Target {}

    /** @throws CliException when it is neither */
    static Target find(TinyVmClient client, String word) {
        try {
            return new OfAgent(client.agent(word));
        } catch (TinyVmException e) {
            if (!e.code().equals("not_found") && !e.code().equals("invalid")) {
                throw e;
            }
        }
        try {
            return new OfVm(client.vm(word));
        } catch (TinyVmException e) {
            if (!e.code().equals("not_found")) {
                throw e;
            }
            throw new CliException(
                    ExitCode.FAILED,
                    "there is no agent and no Tiny VM '" + word + "'",
                    "All that there are: tinyvm ps");
        }
    }

    /** Its VMs. */
    default List<VmInfo> vms() {
        return switch (this) {
            case OfAgent(AgentInfo agent) -> agent.vms();
            case OfVm(VmInfo vm) -> List.of(vm);
        };
    }
}
