package io.parley.deploy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The archive as somebody gets it: unpacked far from the source tree. */
class DistributionIT {
  private static final Duration COMMAND_TIMEOUT = Duration.ofMinutes(1);
  private static final Duration START_TIMEOUT = Duration.ofMinutes(4);
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(90);

  /** Licences that go with Apache-2.0 in one distribution. */
  private static final Set<String> ALLOWED =
      Set.of(
          "Apache-2.0",
          "BSD-2-Clause",
          "BSD-3-Clause",
          "CC0-1.0",
          "EPL-1.0",
          "EPL-2.0",
          "ISC",
          "MIT",
          "MIT-0");

  @TempDir static Path folder;

  private static Path home;

  @BeforeAll
  static void unpack() throws Exception {
    String archive = System.getProperty("parley.archive");
    run("tar", "-xf", archive, "-C", folder.toString());
    home = folder.resolve("parley-" + System.getProperty("parley.version"));
    assertThat(home).isDirectory();
  }

  @Test
  void saysItsHelpAndItsVersion() throws Exception {
    assertThat(run(launcher(), "--help")).contains("Serves language models");
    assertThat(run(launcher(), "--version"))
        .isEqualToIgnoringNewLines("parley " + System.getProperty("parley.version"));
  }

  @Test
  void servesAndStopsInOrder() throws Exception {
    Path output = folder.resolve("up.txt");
    Process node =
        new ProcessBuilder(
                launcher(), "up", "--port", "0", "--data", folder.resolve("data").toString())
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      Pattern ready = Pattern.compile("Parley is ready at (\\S+)/v1");
      await()
          .atMost(START_TIMEOUT)
          .until(
              () -> {
                assertThat(node.isAlive()).as(Files.readString(output)).isTrue();
                return ready.matcher(Files.readString(output)).find();
              });
      Matcher address = ready.matcher(Files.readString(output));
      assertThat(address.find()).isTrue();
      HttpResponse<String> models =
          HttpClient.newHttpClient()
              .send(
                  HttpRequest.newBuilder(URI.create(address.group(1) + "/v1/models")).build(),
                  HttpResponse.BodyHandlers.ofString());
      assertThat(models.body()).contains("smollm2-135m-instruct");
      node.destroy();
      assertThat(node.waitFor(STOP_TIMEOUT.toSeconds(), TimeUnit.SECONDS)).isTrue();
      assertThat(output).content().contains("parley: stopped");
    } finally {
      List<ProcessHandle> children = node.descendants().toList();
      node.destroyForcibly().waitFor();
      children.forEach(ProcessHandle::destroyForcibly);
    }
  }

  @Test
  void itsLibrariesAreKnownAndTheirLicencesGoTogether() throws IOException {
    Map<String, String> known = new TreeMap<>();
    for (String line : Files.readAllLines(home.resolve("deploy/LIBRARIES"))) {
      if (!line.startsWith("#")) {
        String[] words = line.split(" ");
        known.put(words[0], words[1]);
      }
    }

    Set<String> found = new TreeSet<>();
    for (String lib : List.of("lib", "cassandra", "kafka")) {
      try (Stream<Path> files = Files.list(home.resolve(lib))) {
        files
            .map(file -> file.getFileName().toString())
            .filter(name -> name.endsWith(".jar") && !name.startsWith("parley-"))
            .map(name -> name.replaceFirst("-\\d.*", ""))
            .forEach(found::add);
      }
    }

    assertThat(found).isEqualTo(known.keySet());
    assertThat(known.values()).isSubsetOf(ALLOWED);
  }

  @Test
  void theImageAndTheUnitNameFilesThatAreThere() throws IOException {
    Path deploy = Path.of(System.getProperty("parley.root"), "deploy");
    for (String file : List.of("container/Dockerfile", "systemd/parley.service")) {
      List<Path> named =
          Pattern.compile("/opt/parley/([\\w./-]+)")
              .matcher(Files.readString(deploy.resolve(file)))
              .results()
              .map((MatchResult result) -> home.resolve(result.group(1)))
              .toList();
      assertThat(named).as(file).isNotEmpty().allSatisfy(path -> assertThat(path).exists());
    }
  }

  private static String launcher() {
    return home.resolve("bin/parley").toString();
  }

  /** Runs a program to its end, and gives what it said. */
  private static String run(String... command) throws IOException, InterruptedException {
    Path output = Files.createTempFile(folder, "output", ".txt");
    Process process =
        new ProcessBuilder(new ArrayList<>(List.of(command)))
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    boolean ended = process.waitFor(COMMAND_TIMEOUT.toSeconds(), TimeUnit.SECONDS);
    process.destroyForcibly();
    String said = Files.readString(output);
    assertThat(ended).as(said).isTrue();
    assertThat(process.exitValue()).as(said).isZero();
    return said;
  }
}
