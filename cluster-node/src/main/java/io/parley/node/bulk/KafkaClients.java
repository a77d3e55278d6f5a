package io.parley.node.bulk;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The settings of Kafka's clients: what the operator handed over, and what the promises need. */
final class KafkaClients {
  private static final int FETCH_BYTES_MAX = 8 << 20;

  private final BulkSettings settings;
  private final String servers;

  KafkaClients(BulkSettings settings, String servers) {
    this.settings = settings;
    this.servers = servers;
  }

  private Map<String, Object> common() {
    Map<String, Object> all = new HashMap<>();
    all.put(CommonClientConfigs.RECONNECT_BACKOFF_MAX_MS_CONFIG, "2000");
    all.putAll(settings.kafka());
    all.put(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, servers);
    return all;
  }

  Admin admin() {
    Map<String, Object> all = common();
    all.putIfAbsent(CommonClientConfigs.CLIENT_ID_CONFIG, "parley-bulk-admin");
    return Admin.create(all);
  }

  /** What the consumer needs; it keeps the partitions that it has while others move. */
  Map<String, String> consumer() {
    Map<String, Object> all = new HashMap<>();
    all.put(
        ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG,
        CooperativeStickyAssignor.class.getName());
    // by then a dead node's partitions go to others; Kafka's own 45 s are longer than a restart
    // takes
    all.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, "10000");
    all.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, Integer.toString(FETCH_BYTES_MAX));
    all.putAll(common());
    all.put(ConsumerConfig.GROUP_ID_CONFIG, settings.group());
    all.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
    all.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    all.put(
        ConsumerConfig.MAX_POLL_RECORDS_CONFIG, Integer.toString(settings.inFlightPerPartition()));
    Map<String, String> texts = new HashMap<>();
    all.forEach((key, value) -> texts.put(key, value.toString()));
    return texts;
  }

  /**
   * A producer whose records arrive once and in order however often it has to send them, and are
   * acknowledged by all replicas that are in sync.
   */
  KafkaProducer<byte[], byte[]> producer() {
    Map<String, Object> all = new HashMap<>();
    all.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, "15000");
    all.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
    all.put(ProducerConfig.LINGER_MS_CONFIG, "5");
    all.putAll(common());
    all.put(ProducerConfig.ACKS_CONFIG, "all");
    all.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, "true");
    all.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, Integer.toString(settings.maxMessageBytes()));
    return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
  }
}
