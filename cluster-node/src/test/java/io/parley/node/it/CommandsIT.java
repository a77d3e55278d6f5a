package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.parley.node.chaos.NodeProcess;
import io.parley.node.cli.ParleyCommand;
import io.parley.node.it.Commands.Result;
import io.parley.workers.model.StoredModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** The command line as users call it. */
@ExtendWith(SharedNode.class)
class CommandsIT {
  private static final Duration LIMIT = Duration.ofMinutes(3);

  @TempDir private Path folder;

  static Stream<List<String>> commands() {
    return paths(List.of(), ParleyCommand.commandLine());
  }

  private static Stream<List<String>> paths(List<String> path, CommandLine command) {
    return Stream.concat(
        Stream.of(path),
        command.getSubcommands().entrySet().stream()
            .flatMap(
                sub ->
                    paths(
                        Stream.concat(path.stream(), Stream.of(sub.getKey())).toList(),
                        sub.getValue())));
  }

  @ParameterizedTest
  @MethodSource("commands")
  void helpNamesEveryOption(List<String> path) {
    CommandLine command = ParleyCommand.commandLine();
    for (String word : path) {
      command = command.getSubcommands().get(word);
    }

    List<String> call = new ArrayList<>(path);
    call.add("--help");
    String help = Commands.parley(LIMIT, call.toArray(new String[0])).success();

    assertThat(help).contains(command.getCommandSpec().qualifiedName());
    for (OptionSpec option : command.getCommandSpec().options()) {
      assertThat(help).contains(option.longestName());
    }
    for (String sub : command.getSubcommands().keySet()) {
      assertThat(help).contains(sub);
    }
  }

  @Test
  void anOldJavaIsRefusedByItsVersion() throws IOException {
    Path java = Files.createDirectories(folder.resolve("jdk").resolve("bin")).resolve("java");
    Files.writeString(java, "#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n");
    Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwx------"));

    Result result =
        Commands.parley(
            LIMIT,
            Map.of("JAVA_HOME", folder.resolve("jdk").toString()),
            Commands.NO_INPUT,
            "up",
            "--data",
            folder.resolve("data").toString());

    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.err().lines()).hasSize(1);
    assertThat(result.err()).contains("Java 11 is too old").contains("JDK 17 or newer");
    assertThat(folder.resolve("data")).doesNotExist();
  }

  @Test
  void modelsArePulledListedAndInspected() {
    StoredModel model = TestModel.stored();
    String sha256 = model.manifest().sha256();
    Map<String, String> cache = Map.of("XDG_CACHE_HOME", folder.toString());

    Result wrong = model(cache, "pull", model.file() + "#sha256=" + "0".repeat(64));
    assertThat(wrong.exit()).isNotZero();
    assertThat(wrong.err().lines().filter(line -> line.startsWith("parley: "))).hasSize(1);
    assertThat(wrong.err()).contains(sha256).doesNotContain("\tat ");
    assertThat(model(cache, "list").success()).doesNotContain(sha256.substring(0, 12));

    String id = model(cache, "pull", model.file() + "#sha256=" + sha256).success().strip();
    assertThat(id).endsWith("@" + sha256.substring(0, 12));
    assertThat(model(cache, "list").success()).contains(id).contains("To be pulled by name");
    assertThat(model(cache, "inspect", id).success())
        .contains(sha256)
        .containsPattern("architecture +llama")
        .containsPattern("context length +8192");

    String source = model.file() + "#sha256=" + sha256;
    Result int8 = model(cache, "pull", source, "--weights", "int8");
    assertThat(int8.success().strip()).isEqualTo(id + "-int8");
    assertThat(model(cache, "inspect", id + "-int8").success()).containsPattern("weights +int8");
    Result twice = model(cache, "pull", source + "&weights=bf16", "--weights", "int8");
    assertThat(twice.exit()).isNotZero();
    assertThat(twice.err()).contains("once each");
  }

  private static Result model(Map<String, String> environment, String... arguments) {
    return Commands.parley(
        LIMIT,
        environment,
        Commands.NO_INPUT,
        Stream.concat(Stream.of("model"), Stream.of(arguments)).toArray(String[]::new));
  }

  @Test
  void chatAnswersOneMessage(NodeProcess node) throws IOException {
    String answer = chat(node, Commands.NO_INPUT, "Say hello.").success().strip();

    assertThat(answer).isNotEmpty();
    assertThat(turnOf(node).path("answer").asText().strip()).isEqualTo(answer);
  }

  @Test
  void chatConverses(NodeProcess node) throws IOException {
    Path input = folder.resolve("input");
    Files.writeString(input, "/history\nSay hello.\n/history\n/new\n/history\n/sessions\n/quit\n");

    String said = chat(node, input).success();

    assertThat(said).contains("No conversation yet.", "A new conversation begins");
    assertThat(said).contains("user: Say hello.", "assistant: ");
    assertThat(said).contains(sessionOf()).contains("Say hello.");
  }

  @Test
  void chatGoesOnWhenTheNodeWasKilledInMidAnswer() throws Exception {
    try (NodeProcess node = NodeProcess.started(folder.resolve("data"))) {
      Path out = folder.resolve("out");
      Path err = folder.resolve("err");
      ProcessBuilder builder =
          new ProcessBuilder(
                  NodeProcess.root().resolve("parley").toString(),
                  "chat",
                  "--url",
                  node.url("/v1"),
                  "--max-tokens",
                  "400",
                  "Tell me a long story about a lighthouse.")
              .redirectInput(Commands.NO_INPUT.toFile())
              .redirectOutput(out.toFile())
              .redirectError(err.toFile());
      builder.environment().put("PARLEY_NO_BUILD", "1");
      builder.environment().put("XDG_STATE_HOME", folder.toString());
      Process chat = builder.start();
      try {
        await().atMost(LIMIT).until(() -> Files.size(out) > 0);
        node.kill();
        node.start();
        assertThat(chat.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
      } finally {
        chat.destroyForcibly();
      }

      assertThat(chat.exitValue()).as(Files.readString(err)).isZero();
      assertThat(Files.readString(err)).contains("(connection lost;");
      assertThat(Files.readString(out).strip())
          .isEqualTo(turnOf(node).path("answer").asText().strip());
      node.stop();
    }
  }

  @Test
  void benchMeasuresANode(NodeProcess node) {
    String table =
        Commands.parley(
                LIMIT,
                "bench",
                "--url",
                node.url("/v1"),
                "--users",
                "2",
                "--turns",
                "2",
                "--max-tokens",
                "8",
                "--warm-up-turns",
                "0")
            .success();

    assertThat(table.lines()).hasSize(2);
    assertThat(table.lines().toList().get(1).strip()).startsWith("2 ").endsWith(" 0");
  }

  private Result chat(NodeProcess node, Path input, String... message) {
    return Commands.parley(
        LIMIT,
        Map.of("XDG_STATE_HOME", folder.toString()),
        input,
        Stream.concat(
                Stream.of("chat", "--url", node.url("/v1"), "--max-tokens", "60"),
                Stream.of(message))
            .toArray(String[]::new));
  }

  /** The only turn of the conversation that chat began last. */
  private JsonNode turnOf(NodeProcess node) throws IOException {
    ApiClient api = new ApiClient(node);
    JsonNode turns = api.json(api.get("/v1/sessions/" + sessionOf())).path("turns");
    assertThat(turns).hasSize(1);
    return turns.get(0);
  }

  private String sessionOf() throws IOException {
    Path book = folder.resolve("parley").resolve("chat-sessions");
    return Files.readString(book).split("\t", 2)[0];
  }
}
