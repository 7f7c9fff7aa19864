package dev.tinyvm.tests;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Holds the arrows of ARCHITECTURE.md: what a room may use, and what stays inside of one room. */
class ArchitectureTest {
    /** Room (package below {@code dev.tinyvm}) to the rooms that it may use; everything that is not listed is forbidden. */
    private static final Map<String, Set<String>> ARROWS = Map.ofEntries(
            Map.entry("spec", Set.of()),
            Map.entry("engine", Set.of("spec")),
            Map.entry("guestlink", Set.of("spec", "engine")),
            Map.entry("engine.container", Set.of("spec", "engine", "guestlink")),
            Map.entry("engine.oci", Set.of("spec", "engine", "engine.container")),
            Map.entry("engine.wasm", Set.of("spec", "engine")),
            Map.entry("images", Set.of("spec")),
            Map.entry("ledger", Set.of("spec")),
            Map.entry("llm", Set.of("spec", "engine", "ledger", "manager")),
            Map.entry("manager", Set.of("spec", "engine", "images", "ledger")),
            Map.entry("network", Set.of("spec", "engine", "manager")),
            Map.entry("server", Set.of("spec", "engine", "manager", "ledger", "llm")),
            Map.entry("e2b", Set.of("spec", "engine", "manager", "server")),
            Map.entry("sdk", Set.of("spec")),
            Map.entry("bench", Set.of("spec", "sdk", "ledger")),
            Map.entry("cli", Set.of("spec", "sdk")),
            Map.entry(
                    "app",
                    Set.of(
                            "spec",
                            "engine",
                            "engine.container",
                            "engine.oci",
                            "engine.wasm",
                            "guestlink",
                            "images",
                            "ledger",
                            "llm",
                            "manager",
                            "network",
                            "server",
                            "e2b",
                            "sdk",
                            "bench",
                            "cli")));

    private static JavaClasses classes = new ClassFileImporter().importClasses(ArchitectureTest.class);

    @BeforeAll
    static void importAll() {
        classes = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("dev.tinyvm");
    }

    @Test
    void everyRoomUsesOnlyTheRoomsBelowIt() {
        Set<String> wrong = new TreeSet<>();
        for (JavaClass type : classes) {
            String own = room(type);
            if (own.isEmpty() || own.equals("tests")) {
                continue;
            }
            assertThat(ARROWS).as("arrows of %s", type.getPackageName()).containsKey(own);
            Set<String> allowed = ARROWS.getOrDefault(own, Set.of());
            type.getDirectDependenciesFromSelf().forEach(dependency -> {
                String target = room(dependency.getTargetClass());
                if (!target.isEmpty() && !target.equals(own) && !allowed.contains(target)) {
                    wrong.add(type.getName() + " uses "
                            + dependency.getTargetClass().getName());
                }
            });
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void everyModuleIsARoomOfTheMap() {
        assertThat(classes.stream()
                        .map(ArchitectureTest::room)
                        .filter(r -> !r.isEmpty() && !r.equals("tests"))
                        .collect(Collectors.toSet()))
                .containsExactlyInAnyOrderElementsOf(ARROWS.keySet());
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching("dev.tinyvm.(**)").should().beFreeOfCycles().check(classes);
    }

    @Test
    void foreignLibrariesStayInTheirRoom() {
        noClasses()
                .that()
                .resideOutsideOfPackages("dev.tinyvm.server..", "dev.tinyvm.e2b..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.eclipse.jetty..")
                .check(classes);
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.tinyvm.engine.wasm..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("run.endive..")
                .check(classes);
        noClasses()
                .that()
                .resideOutsideOfPackages("dev.tinyvm.manager..", "dev.tinyvm.ledger..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("java.sql..")
                .check(classes);
        noClasses()
                .that()
                .resideOutsideOfPackages("dev.tinyvm.cli..", "dev.tinyvm.app..", "dev.tinyvm.bench..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("picocli..")
                .check(classes);
    }

    @Test
    void nativeCallsLiveInThePlacesNamedForThem() {
        noClasses()
                .that()
                .resideOutsideOfPackages("dev.tinyvm.app..", "dev.tinyvm.cli.terminal..", "dev.tinyvm.images..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("java.lang.foreign..")
                .check(classes);
    }

    @Test
    void noClassIsNamedForNothing() {
        classes()
                .should(new com.tngtech.archunit.lang.ArchCondition<JavaClass>("say what they are") {
                    @Override
                    public void check(JavaClass type, com.tngtech.archunit.lang.ConditionEvents events) {
                        for (String word :
                                List.of("Util", "Utils", "Common", "Helper", "Helpers", "Impl", "Manager2")) {
                            if (type.getSimpleName().endsWith(word)) {
                                events.add(com.tngtech.archunit.lang.SimpleConditionEvent.violated(
                                        type, type.getName() + " ends with " + word));
                            }
                        }
                    }
                })
                .check(classes);
    }

    @Test
    void everyPackageIsNullMarked() throws Exception {
        try (Stream<Path> files = Files.walk(Repository.ROOT)) {
            Set<Path> packages = files.filter(f -> f.toString().contains("/src/main/java/")
                            && f.toString().endsWith(".java"))
                    .map(Path::getParent)
                    .collect(Collectors.toCollection(TreeSet::new));
            assertThat(packages)
                    .isNotEmpty()
                    .allSatisfy(directory -> assertThat(directory.resolve("package-info.java"))
                            .content()
                            .contains("@NullMarked"));
        }
    }

    /** Empty for a class that is not ours. */
    private static String room(JavaClass type) {
        String name = type.getPackageName();
        if (!name.startsWith("dev.tinyvm.")) {
            return "";
        }
        String rest = name.substring("dev.tinyvm.".length());
        for (String wall : List.of("engine.container", "engine.oci", "engine.wasm")) {
            if (rest.equals(wall) || rest.startsWith(wall + ".")) {
                return wall;
            }
        }
        return rest.split("\\.", 2)[0];
    }
}
