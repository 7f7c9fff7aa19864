package dev.tinyvm.manager;

/**
 * Names one run of a main process for ever: numbers of processes start again with each machine.
 *
 * @param generation of the machine
 * @param processId the guest's number
 */
record MainRun(int generation, int processId) {
    String text() {
        return generation + "." + processId;
    }
}
