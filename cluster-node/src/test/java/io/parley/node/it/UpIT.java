package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.parley.node.chaos.NodeProcess;
import io.parley.node.it.Commands.Result;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Starts that cannot work say why in one line and leave nothing; stops leave nothing, either. */
@ExtendWith(SharedNode.class)
class UpIT {
  private static final Duration LIMIT = Duration.ofMinutes(2);

  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          parley.node.cluster-name=1           | parley.node.cluster-name
          parley.node.roles=[cook]             | parley.node.roles
          parley.http.max-connections=0        | max-connections
          parley.session.shards=0              | parley.session.shards
          parley.routing.queue-capacity=0      | parley.routing.queue-capacity
          parley.batcher.slots=0               | parley.batcher.slots
          parley.worker.group-tokens-max=0     | parley.worker.group-tokens-max
          parley.engine.threads=-1             | parley.engine.threads
          parley.management.port=70000         | parley.management.port
          parley.models.drain-timeout=-1s      | parley.models.drain-timeout
          parley.bulk.in-flight=0              | parley.bulk.in-flight
          parley.journal.threads=0             | parley.journal.threads
          parley.journal.lease-ttl=1s          | parley.journal.lease-ttl
          parley.journal.embedded.heap=1       | parley.journal.embedded.heap
          parley.journal.embedded.heaps=1      | there is no key parley.journal.embedded.heaps
          """)
  void aBadConfigurationValueIsToldBeforeAnythingIsTouched(String setting, String told) {
    assertThat(refusal("-D", setting)).contains(told);
    assertThat(data()).doesNotExist();
  }

  @Test
  void aTakenPortIsTold() throws IOException {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String port = Integer.toString(taken.getLocalPort());
      assertThat(refusal("--port", port)).contains("port " + port + " of 127.0.0.1 is taken");
    }
    assertNoJournal();
  }

  @Test
  void anAddressForOthersNeedsKeys() {
    assertThat(refusal("--host", "0.0.0.0")).contains("parley.http.api-keys-file");
    assertThat(refusal("-D", "parley.management.host=0.0.0.0"))
        .contains("parley.management.api-keys-file");
    assertNoJournal();
  }

  @Test
  void aDataFolderOfAnotherNodeIsTold(NodeProcess node) {
    Result result = Commands.parley(LIMIT, "up", "--port", "0", "--data", node.data().toString());

    assertThat(oneLine(result))
        .contains(node.data() + " is in use by another node (process " + node.pid() + ")");
    assertThat(node.isAlive()).isTrue();
  }

  @Test
  void tooLittleDiskIsTold() {
    assertThat(refusal("-D", "parley.journal.embedded.free-space-min=1000000GiB"))
        .contains("MiB are free in");
    assertThat(data().resolve("cassandra").resolve("data")).doesNotExist();
  }

  @Test
  void anExternalJournalThatDoesNotAnswerIsToldAfterABoundedWait() {
    assertThat(
            refusal(
                "-D",
                "parley.journal.contact-points=[\"127.0.0.1:" + NodeProcess.freePort() + "\"]",
                "-D",
                "parley.journal.local-datacenter=dc1",
                "-D",
                "parley.journal.start-timeout=1s"))
        .contains("the journal cannot be reached: Cassandra at 127.0.0.1:")
        .contains("check parley.journal.contact-points");
    assertNoJournal();
  }

  @Test
  void aModelThatDoesNotFitIsToldWithTheFigures() {
    assertThat(refusal("-D", "parley.engine.kv-memory=1000000GiB"))
        .contains("does not fit: it needs", "weights", "KV memory", "is free");
    assertNoJournal();
  }

  @Test
  void anUnknownModelIsTold() {
    assertThat(refusal("--model", "no-such-model")).contains("no-such-model");
    assertNoJournal();
  }

  @Test
  void aModelWithAnotherChecksumIsTold() throws IOException {
    Path model = Files.writeString(folder.resolve("small.gguf"), "GGUF");

    assertThat(refusal("--model", model + "#sha256=" + "0".repeat(64))).contains("0".repeat(64));
    assertNoJournal();
  }

  @Test
  void aModelThatIsCutOffIsTold() throws IOException {
    Path model = TestModel.cutOff(folder);

    assertThat(refusal("--model", model.toString())).contains("is the file cut off?");
    assertNoJournal();
  }

  @Test
  void aModelOfAnotherArchitectureIsTold() throws IOException {
    Path model = TestModel.withArchitecture(folder, "mamba");

    assertThat(refusal("--model", model.toString())).contains("mamba");
    assertNoJournal();
  }

  @Test
  void aModelInAnUnsupportedQuantizationIsTold() throws IOException {
    Path model = TestModel.withTensorType(folder, 16);

    assertThat(refusal("--model", model.toString())).contains("16");
    assertNoJournal();
  }

  @Test
  void signalsStopNodeJournalAndBrokerInOrderAndAKillBlocksNothing() {
    try (NodeProcess node = NodeProcess.started(data(), "--bulk")) {
      assertThat(node.output()).contains("Kafka: 127.0.0.1:");
      node.interrupt();
      assertStoppedInOrder(node);

      node.start();
      List<ProcessHandle> orphans = node.children();
      node.kill();
      // at once, while the journal's process may still be stopping
      node.start();
      await().atMost(LIMIT).until(() -> orphans.stream().noneMatch(ProcessHandle::isAlive));

      node.stop();
      assertStoppedInOrder(node);
    }
  }

  private static void assertStoppedInOrder(NodeProcess node) {
    assertThat(node.output().strip()).endsWith("parley: stopping\nparley: stopped");
    assertThat(node.children()).hasSize(2).noneMatch(ProcessHandle::isAlive);
  }

  private Path data() {
    return folder.resolve("data");
  }

  private void assertNoJournal() {
    assertThat(data().resolve("cassandra").resolve("data")).doesNotExist();
  }

  /** The one line that a start says before it ends without success. */
  private String refusal(String... options) {
    List<String> arguments = new ArrayList<>(List.of("up", "--data", data().toString()));
    if (!List.of(options).contains("--port")) {
      arguments.addAll(List.of("--port", "0"));
    }
    arguments.addAll(List.of(options));
    String line = oneLine(Commands.parley(LIMIT, arguments.toArray(new String[0])));
    assertThat(
            ProcessHandle.allProcesses()
                .filter(one -> one.info().commandLine().orElse("").contains(data().toString())))
        .as("processes left")
        .isEmpty();
    return line;
  }

  /** Of standard error, beside the lines of steps that ended well, which are indented. */
  private static String oneLine(Result result) {
    assertThat(result.exit()).as("exit code; it said:\n%s", result.err()).isNotZero();
    List<String> lines = result.err().lines().filter(line -> !line.startsWith("  ")).toList();
    assertThat(lines).as("lines of:\n%s", result.err()).hasSize(1);
    assertThat(result.out() + result.err()).doesNotContain("\tat ");
    assertThat(lines.get(0).getBytes(StandardCharsets.UTF_8).length).isLessThan(1000);
    return lines.get(0);
  }
}
