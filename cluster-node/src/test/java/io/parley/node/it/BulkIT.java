package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.typesafe.config.ConfigFactory;
import io.parley.node.bulk.BulkSettings;
import io.parley.node.bulk.EmbeddedKafka;
import io.parley.node.bulk.EmbeddedKafkaSettings;
import io.parley.node.chaos.NodeProcess;
import io.parley.persistence.embedded.ChildListener;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/**
 * Some hundred records through a real broker, poison among them. The bulk node is killed by {@code
 * kill -9} in the middle, then the broker; each record comes out once, as a result or as a dead
 * letter.
 */
class BulkIT {
  private static final int GOOD = 240;
  private static final int KEYS = 5;
  private static final int BEFORE_KILL = 60;
  private static final int BEFORE_OUTAGE = 140;
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final String RESULTS = "parley.bulk.results";
  private static final String DEAD_LETTERS = "parley.bulk.dead-letters";
  private static final String JOB = "job-1";

  /** Slow enough to be killed in the middle, and its prompts can be too long. */
  private static final String MODEL =
      "simulated#decode=200&decode-all=1600&slots=8&answer-tokens=0&context-length=512";

  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  private Path folder;

  /** What came out, by the topic it came to. */
  private final Map<String, List<ConsumerRecord<byte[], byte[]>>> out = new HashMap<>();

  @Test
  void eachRecordComesOutOnceWhateverIsKilled() throws Exception {
    try (EmbeddedKafka kafka =
            EmbeddedKafka.start(kafkaSettings(), folder.resolve("kafka"), new ChildListener() {});
        TestCluster cluster = TestCluster.in(folder)) {
      NodeProcess server = cluster.launch("api,session,worker", "--model", MODEL);
      server.awaitReady();
      NodeProcess bulk =
          cluster.launch(
              "bulk",
              "-D",
              "parley.bulk.bootstrap-servers=[\"" + kafka.bootstrapServer() + "\"]",
              "-D",
              "parley.bulk.topics.partitions=3",
              "-D",
              "parley.bulk.in-flight=16",
              "-D",
              "parley.bulk.in-flight-per-partition=8",
              "-D",
              "parley.bulk.model-wait=1s",
              "-D",
              "parley.bulk.reconnect.max=1s",
              "-D",
              "parley.bulk.probe-interval=500ms");
      bulk.awaitReady();
      Map<String, String> poison = poison();
      submit(kafka, poison.keySet());

      try (KafkaConsumer<byte[], byte[]> reader = reader(kafka)) {
        readUntil(reader, BEFORE_KILL);
        bulk.kill();
        assertThat(count()).as("records that came out before the kill").isLessThan(GOOD);
        cluster.launch(bulk);
        bulk.awaitReady();
        readUntil(reader, BEFORE_OUTAGE);
        ProcessHandle.of(kafka.pid()).orElseThrow().destroyForcibly();
        readUntil(reader, GOOD + poison.size());
        await()
            .atMost(PATIENCE)
            .until(
                () -> {
                  JsonNode state = ApiClient.parse(get(bulk, "/bulk"));
                  return state.path("state").asText().equals("consuming")
                      && state.path("lag").asLong(-1) == 0;
                });
        // whatever was written before the last commit is there
        readMore(reader, Duration.ofSeconds(2));
      }
      check(poison);
    }
  }

  private static EmbeddedKafkaSettings kafkaSettings() {
    Path lib = NodeProcess.root().resolve("cluster-node/kafka/target/lib");
    return BulkSettings.from(
            ConfigFactory.parseMap(Map.of("parley.bulk.embedded.lib", lib.toString()))
                .withFallback(ConfigFactory.load()))
        .embedded();
  }

  private static String get(NodeProcess node, String path) throws Exception {
    return HttpClient.newHttpClient()
        .send(
            HttpRequest.newBuilder(URI.create(node.managementUrl(path))).build(),
            HttpResponse.BodyHandlers.ofString())
        .body();
  }

  private static String line(String customId, String model, String prompt) {
    return """
        {"custom_id": "%s", "method": "POST", "url": "/v1/chat/completions", "body": \
        {"model": "%s", "max_tokens": 20, "messages": [{"role": "user", "content": "%s"}]}}"""
        .formatted(customId, model, prompt);
  }

  /** Values that can never be answered, and the code of each. */
  private static Map<String, String> poison() {
    Map<String, String> all = new TreeMap<>();
    all.put("{\"custom_id\": \"broken\", ", "invalid_json");
    all.put(line("p-model", "no-such-model", "Hello"), "model_not_found");
    all.put(line("p-long", "simulated", "word ".repeat(2000)), "context_length_exceeded");
    all.put(line("p-large", "simulated", "x".repeat(2 << 20)), "record_too_large");
    all.put(
        line("p-url", "simulated", "Hello").replace("/v1/chat/completions", "/v1/nothing"),
        "invalid_value");
    all.put(
        "{\"method\": \"POST\", \"url\": \"/v1/responses\", \"body\": {}}",
        "missing_required_parameter");
    return all;
  }

  private static void submit(EmbeddedKafka kafka, Set<String> poison) throws Exception {
    List<String> bad = List.copyOf(poison);
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", kafka.bootstrapServer(), "max.request.size", 4 << 20),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (int i = 0; i < GOOD; i++) {
        sent.add(send(producer, i, line("r-" + i, "simulated", "Question " + i)));
        int every = GOOD / bad.size();
        if (i % every == every / 2) {
          sent.add(send(producer, i, bad.get(i / every)));
        }
      }
      for (Future<RecordMetadata> one : sent) {
        assertThat(one.get().hasOffset()).isTrue();
      }
    }
  }

  private static Future<RecordMetadata> send(
      KafkaProducer<byte[], byte[]> producer, int number, String value) {
    ProducerRecord<byte[], byte[]> record =
        new ProducerRecord<>("parley.bulk.requests", bytes("key-" + number % KEYS), bytes(value));
    record.headers().add("parley-job", bytes(JOB)).add("traceparent", bytes("00-ab-cd-01"));
    return producer.send(record);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static KafkaConsumer<byte[], byte[]> reader(EmbeddedKafka kafka) {
    KafkaConsumer<byte[], byte[]> reader =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", kafka.bootstrapServer(), "auto.offset.reset", "earliest"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer());
    List<TopicPartition> all = new ArrayList<>();
    for (String topic : List.of(RESULTS, DEAD_LETTERS)) {
      reader
          .partitionsFor(topic)
          .forEach(partition -> all.add(new TopicPartition(topic, partition.partition())));
    }
    reader.assign(all);
    reader.seekToBeginning(all);
    return reader;
  }

  private void readUntil(KafkaConsumer<byte[], byte[]> reader, int count) {
    await()
        .atMost(PATIENCE)
        .pollInSameThread()
        .until(
            () -> {
              readMore(reader, Duration.ofMillis(200));
              return count() >= count;
            });
  }

  private void readMore(KafkaConsumer<byte[], byte[]> reader, Duration wait) {
    reader
        .poll(wait)
        .forEach(
            record -> out.computeIfAbsent(record.topic(), topic -> new ArrayList<>()).add(record));
  }

  /** Each counts once, however often it was written. */
  private int count() {
    Set<String> ids = new HashSet<>();
    out.values()
        .forEach(records -> records.forEach(record -> ids.add(header(record, "parley-id"))));
    return ids.size();
  }

  private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null ? "" : new String(header.value(), StandardCharsets.UTF_8);
  }

  private void check(Map<String, String> poison) {
    Map<String, JsonNode> byId = new HashMap<>();
    Map<String, String> idOfCustomId = new HashMap<>();
    Map<String, Integer> lastOfKey = new HashMap<>();
    for (ConsumerRecord<byte[], byte[]> record : out.get(RESULTS)) {
      JsonNode result = ApiClient.parse(new String(record.value(), StandardCharsets.UTF_8));
      String id = result.path("id").asText();
      String customId = result.path("custom_id").asText();
      assertThat(header(record, "parley-id")).isEqualTo(id);
      assertThat(header(record, "traceparent")).isEqualTo("00-ab-cd-01");
      assertThat(header(record, "parley-job")).isEqualTo(JOB);
      assertThat(result.at("/response/status_code").asInt()).as(result.toString()).isEqualTo(200);
      assertThat(result.at("/response/body/usage/completion_tokens").asInt()).isEqualTo(20);
      // the same result whenever it is written
      JsonNode before = byId.putIfAbsent(id, result);
      assertThat(before == null || before.equals(result)).as(customId).isTrue();
      assertThat(idOfCustomId.merge(customId, id, (a, b) -> a.equals(b) ? a : "two of them"))
          .as("id of %s", customId)
          .isEqualTo(id);
      if (before == null) {
        // in the order in which they were asked for, by key
        int number = Integer.parseInt(customId.substring(2));
        String key = new String(record.key(), StandardCharsets.UTF_8);
        assertThat(key).isEqualTo("key-" + number % KEYS);
        Integer last = lastOfKey.put(key, number);
        assertThat(last == null || last < number).as("order of %s", key).isTrue();
      }
    }
    assertThat(idOfCustomId).hasSize(GOOD);
    System.out.println(
        "BulkIT: " + out.get(RESULTS).size() + " results written for " + GOOD + " records");

    Map<String, String> reasons = new TreeMap<>();
    Set<String> deadIds = new HashSet<>();
    for (ConsumerRecord<byte[], byte[]> record : out.get(DEAD_LETTERS)) {
      reasons.put(
          new String(record.value(), StandardCharsets.UTF_8), header(record, "parley-error-code"));
      deadIds.add(header(record, "parley-id"));
      assertThat(header(record, "parley-source-topic")).isEqualTo("parley.bulk.requests");
      assertThat(header(record, "parley-source-offset")).matches("[0-9]+");
      assertThat(header(record, "parley-error-message")).isNotEmpty();
    }
    assertThat(reasons).isEqualTo(poison);
    assertThat(deadIds).hasSize(poison.size()).doesNotContainAnyElementsOf(byId.keySet());
  }
}
