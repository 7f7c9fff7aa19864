package dev.tinyvm.spec;

/**
 * One thing that is wrong with a descriptor or configuration.
 *
 * @param path where it stands in the document, such as {@code spec.volumes[0].hostPath}; empty for the document as a whole
 * @param line counted from 1; 0 when the text could not be looked at
 * @param column counted from 1; 0 when the text could not be looked at
 * @param message what was found, what is allowed, and the nearest right name or value; a sentence for a person
 */
public record Problem(String path, int line, int column, String message) {
    /** {@code line 3, column 8: spec.resources.cpu: …}. */
    @Override
    public String toString() {
        String place = line == 0 ? "" : "line " + line + ", column " + column + ": ";
        return place + (path.isEmpty() ? "" : path + ": ") + message;
    }
}
