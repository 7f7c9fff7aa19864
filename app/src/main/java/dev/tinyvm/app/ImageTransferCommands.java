package dev.tinyvm.app;

import dev.tinyvm.app.ImageCommand.OnStore;
import dev.tinyvm.cli.JsonOutput;
import dev.tinyvm.cli.Shell;
import dev.tinyvm.cli.text.Quantity;
import dev.tinyvm.images.GcResult;
import dev.tinyvm.images.ImageStore;
import dev.tinyvm.images.ImportLimits;
import dev.tinyvm.images.PullResult;
import dev.tinyvm.images.SignaturePolicy;
import dev.tinyvm.images.registry.RegistryOptions;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tinyvm image pull}, {@code push} and {@code gc}. */
final class ImageTransferCommands {
    private ImageTransferCommands() {}

    private static RegistryOptions options(Shell shell) {
        return RegistryOptions.standard(shell.env(), Path.of(System.getProperty("user.home", "/")));
    }

    /** {@code tinyvm image pull}. */
    @Command(
            name = "pull",
            description = {
                "Pull an image from its registry. Needs root. What is there already is not transferred again.",
                "Where images.policy of the manager's configuration asks for a signature, an image without it is refused.",
                "Credentials are those of docker login, podman login or skopeo login; proxies those of HTTPS_PROXY, HTTP_PROXY and NO_PROXY (sudo -E keeps them)."
            },
            footerHeading = "%nExamples:%n",
            footer = {
                "  sudo tinyvm image pull alpine:3.20",
                "  sudo tinyvm image pull ghcr.io/team/app@sha256:…",
                "  sudo tinyvm image pull 127.0.0.1:5000/team/app:v1"
            })
    static final class Pull extends OnStore {
        @Parameters(paramLabel = "REFERENCE", description = "[registry/]repository[:tag][@sha256:…].")
        String reference = "";

        @Option(
                names = "--config",
                paramLabel = "FILE",
                description = "The manager's configuration (default: tinyvm.yaml in the data directory).")
        @Nullable
        Path config;

        @Option(
                names = {"-q", "--quiet"},
                description = "Print the image's digest alone.")
        boolean quiet;

        @Option(names = "--json", description = "Print JSON.")
        boolean json;

        Pull(Shell shell) {
            super(shell);
        }

        @Override
        SignaturePolicy policy(Path data) {
            return SignatureFile.find(data, config);
        }

        @Override
        void run(ImageStore store) {
            PullResult result;
            try (TransferProgress progress = new TransferProgress(shell, "pulling", quiet || json)) {
                result = store.pull(reference, options(shell), ImportLimits.DEFAULT, progress);
            }
            if (json) {
                JsonOutput.print(shell.out(), result);
            } else if (quiet) {
                shell.out().println(result.image().digest());
            } else {
                shell.out()
                        .println(
                                reference + "  " + Quantity.bytes(result.image().sizeBytes()) + "  "
                                        + result.image().digest()
                                        + (result.upToDate()
                                                ? "  (was there already)"
                                                : "  (" + Quantity.bytes(result.transferredBytes()) + " transferred)"));
                if (!result.signedBy().isEmpty()) {
                    shell.out().println("signed by " + result.signedBy());
                }
                ImageCommand.sayLeftOut(shell, result.leftOut());
            }
        }
    }

    /** {@code tinyvm image push}. */
    @Command(
            name = "push",
            description = "Send an image that was pulled, or imported with its layers, to a registry. Needs root.",
            footerHeading = "%nExamples:%n",
            footer = {
                "  sudo tinyvm image push registry.example/team/app:v1",
                "  sudo tinyvm image push app:1 127.0.0.1:5000/team/app:v1"
            })
    static final class Push extends OnStore {
        @Parameters(index = "0", paramLabel = "NAME", description = "Of the image here.")
        String name = "";

        @Parameters(
                index = "1",
                arity = "0..1",
                paramLabel = "REFERENCE",
                description = "What it will be there (default: NAME).")
        String reference = "";

        @Option(names = "--json", description = "Print JSON.")
        boolean json;

        Push(Shell shell) {
            super(shell);
        }

        @Override
        void run(ImageStore store) {
            String to = reference.isEmpty() ? name : reference;
            String digest;
            try (TransferProgress progress = new TransferProgress(shell, "pushing", json)) {
                digest = store.push(name, to, options(shell), progress);
            }
            if (json) {
                JsonOutput.print(shell.out(), Map.of("reference", to, "digest", digest));
            } else {
                shell.out().println(to + "  " + digest);
            }
        }
    }

    /** {@code tinyvm image gc}. */
    @Command(
            name = "gc",
            description = {
                "Remove pulled images that no tag points to any more, layers that no image has, and what broken transfers left. Needs root.",
                "What a Tiny VM may use stays, and so do images with a tag and those that were imported as plain files."
            },
            footerHeading = "%nExamples:%n",
            footer = "  sudo tinyvm image gc")
    static final class Gc extends OnStore {
        @Option(names = "--json", description = "Print JSON.")
        boolean json;

        Gc(Shell shell) {
            super(shell);
        }

        @Override
        void run(ImageStore store) {
            GcResult result = store.gc(this::imagesInUse);
            if (json) {
                JsonOutput.print(shell.out(), result);
                return;
            }
            result.images().forEach(shell.out()::println);
            shell.out()
                    .println("removed " + result.images().size() + " images and " + result.blobs() + " blobs, freed "
                            + Quantity.bytes(result.freedBytes()));
        }
    }
}
