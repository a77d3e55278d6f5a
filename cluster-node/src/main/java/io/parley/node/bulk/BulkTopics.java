package io.parley.node.bulk;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TopicExistsException;

/** Makes sure of the topics. */
final class BulkTopics {
  private BulkTopics() {}

  /**
   * Creates those that are missing.
   *
   * @return false when the broker does not answer in this time
   * @throws BulkException one line, when topics are missing and are not, or cannot be, created
   */
  static boolean ensure(Admin admin, BulkSettings settings, Duration patience)
      throws InterruptedException {
    BulkSettings.Topics topics = settings.topics();
    try {
      Set<String> there =
          admin.listTopics().names().get(patience.toMillis(), TimeUnit.MILLISECONDS);
      List<String> missing = new ArrayList<>(topics.all());
      missing.removeAll(there);
      if (missing.isEmpty()) {
        return true;
      }
      if (!topics.create()) {
        throw new BulkException(
            "Kafka lacks the topics "
                + String.join(", ", missing)
                + ": create them, name others with parley.bulk.topics, or set"
                + " parley.bulk.topics.create = on");
      }
      for (String topic : missing) {
        create(admin, topic, settings, patience);
      }
      return true;
    } catch (TimeoutException e) {
      return false;
    } catch (ExecutionException e) {
      if (isAway(e.getCause())) {
        return false;
      }
      throw new BulkException(
          "Kafka's topics cannot be looked up or created: " + e.getCause().getMessage(), e);
    }
  }

  private static void create(Admin admin, String topic, BulkSettings settings, Duration patience)
      throws InterruptedException, ExecutionException, TimeoutException {
    int factor = settings.topics().replicationFactor();
    NewTopic fresh =
        new NewTopic(
                topic,
                Optional.of(settings.topics().partitions()),
                factor == 0 ? Optional.empty() : Optional.of((short) factor))
            .configs(
                Map.of(
                    TopicConfig.MAX_MESSAGE_BYTES_CONFIG,
                    Integer.toString(settings.maxMessageBytes())));
    try {
      admin.createTopics(List.of(fresh)).all().get(patience.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      if (!(e.getCause() instanceof TopicExistsException)) { // else another node was faster
        throw e;
      }
    }
  }

  /** Whether it may pass: the broker is away, starts, or moves its partitions. */
  static boolean isAway(Throwable failure) {
    return failure instanceof RetriableException;
  }
}
