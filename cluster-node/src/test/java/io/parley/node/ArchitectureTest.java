package io.parley.node;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The doors between the rooms, as the design draws them. No other arrow is allowed. */
@AnalyzeClasses(packages = "io.parley", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {

  @ArchTest
  static final ArchRule routingSeesNeitherSessionsNorWorkersNorJournal =
      room("routing").mayUse("routing");

  @ArchTest
  static final ArchRule persistenceKnowsNobody = room("persistence").mayUse("persistence");

  @ArchTest
  static final ArchRule sessionsNeverSeeAnEngine =
      room("sessions").mayUse("sessions", "routing", "persistence");

  @ArchTest
  static final ArchRule workersNeverSeeTheJournal = room("workers").mayUse("workers", "routing");

  @ArchTest
  static final ArchRule theDomainOfSessionsIsFreeOfAkka =
      noClasses()
          .that()
          .resideInAPackage("io.parley.sessions.domain..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("akka..", "com.fasterxml..", "io.parley.persistence..");

  @ArchTest
  static final ArchRule tensorFlowStaysInItsEngine =
      only("io.parley.workers.engine.tensorflow..").uses("org.tensorflow..", "ai.djl.tensorflow..");

  /** So that a model can be refused before a native library is unpacked. */
  @ArchTest
  static final ArchRule theModelStoreNeedsNoNativeLibrary =
      noClasses()
          .that()
          .resideInAPackage("io.parley.workers.model..")
          .should()
          .transitivelyDependOnClassesThat()
          .resideInAnyPackage("org.tensorflow..", "ai.djl..");

  @ArchTest
  static final ArchRule theDriverStaysInPersistence =
      only("io.parley.persistence..").uses("com.datastax..", "akka.persistence.cassandra..");

  /** So that a node without the role loads nothing of Kafka. */
  @ArchTest
  static final ArchRule kafkaStaysInBulk =
      only("io.parley.node.bulk..").uses("akka.kafka..", "org.apache.kafka..");

  @ArchTest static final ArchRule httpStaysInTheNode = only("io.parley.node..").uses("akka.http..");

  @ArchTest
  static final ArchRule theCommandLineStaysInItsPackage =
      only("io.parley.node.cli..").uses("picocli..", "org.jline..");

  @ArchTest
  static final ArchRule nobodyUsesJavaSerialization =
      noClasses()
          .should()
          .dependOnClassesThat()
          .haveFullyQualifiedName("java.io.ObjectInputStream");

  @Test
  void everyPackageIntroducesItself() throws IOException {
    Path root = Path.of(System.getProperty("parley.root"));
    try (Stream<Path> files = Files.walk(root)) {
      List<Path> silent =
          files
              .filter(file -> file.toString().endsWith(".java"))
              .filter(file -> file.toString().contains("/src/main/java/"))
              .map(Path::getParent)
              .distinct()
              .filter(folder -> !Files.exists(folder.resolve("package-info.java")))
              .toList();
      assertThat(silent).isEmpty();
    }
  }

  private static Room room(String name) {
    return allowed ->
        noClasses()
            .that()
            .resideInAPackage("io.parley." + name + "..")
            .should()
            .dependOnClassesThat(resideInAPackage("io.parley..").and(not(resideInAnyOf(allowed))))
            .allowEmptyShould(false);
  }

  private static DescribedPredicate<JavaClass> resideInAnyOf(String... rooms) {
    String[] packages = new String[rooms.length];
    for (int i = 0; i < rooms.length; i++) {
      packages[i] = "io.parley." + rooms[i] + "..";
    }
    return JavaClass.Predicates.resideInAnyPackage(packages);
  }

  private static Owner only(String owner) {
    return libraries ->
        noClasses()
            .that(resideInAPackage("io.parley..").and(not(resideInAPackage(owner))))
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(libraries);
  }

  private interface Room {
    ArchRule mayUse(String... rooms);
  }

  private interface Owner {
    ArchRule uses(String... libraries);
  }
}
