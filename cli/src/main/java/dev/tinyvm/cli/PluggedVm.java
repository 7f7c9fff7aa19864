package dev.tinyvm.cli;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import dev.tinyvm.sdk.InterfaceInfo;
import dev.tinyvm.sdk.TinyVmClient;
import dev.tinyvm.sdk.TinyVmException;
import dev.tinyvm.sdk.VmInfo;
import java.util.Optional;

/**
 * A Tiny VM with its routed interface, for JSON.
 *
 * @param networkInterface empty: it has none now
 */
record PluggedVm(@JsonUnwrapped VmInfo vm, Optional<InterfaceInfo> networkInterface) {
    static PluggedVm of(TinyVmClient client, VmInfo vm) {
        return new PluggedVm(vm, find(client, vm.id()));
    }

    /** Empty: it has none now. */
    static Optional<InterfaceInfo> find(TinyVmClient client, String vm) {
        try {
            return Optional.of(client.networkInterface(vm));
        } catch (TinyVmException e) {
            if (e.status() == 404) {
                return Optional.empty();
            }
            throw e;
        }
    }
}
