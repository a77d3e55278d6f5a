package io.parley.node.bulk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.parley.node.NodeConfig;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BulkSettingsTest {
  private static BulkSettings with(Map<String, String> values) {
    return BulkSettings.from(NodeConfig.load(Optional.empty(), values));
  }

  @Test
  void withoutBrokersTheNodeHasItsOwn() {
    assertThat(with(Map.of()).isEmbedded()).isTrue();
    assertThat(with(Map.of("parley.bulk.bootstrap-servers", "[\"kafka:9092\"]")).isEmbedded())
        .isFalse();
  }

  @Test
  void whatIsMeantForKafkaIsHandedOverUnderKafkasNames() {
    BulkSettings settings =
        with(
            Map.of(
                "parley.bulk.kafka.security.protocol", "SASL_SSL",
                "parley.bulk.kafka.sasl.mechanism", "PLAIN",
                "parley.bulk.kafka.session.timeout.ms", "10000"));

    assertThat(settings.kafka())
        .containsOnly(
            Map.entry("security.protocol", "SASL_SSL"),
            Map.entry("sasl.mechanism", "PLAIN"),
            Map.entry("session.timeout.ms", "10000"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          parley.bulk.bootstrap-servers   | ["kafka"]
          parley.bulk.group               | "a group"
          parley.bulk.in-flight           | 0
          parley.bulk.in-flight-per-partition | 0
          parley.bulk.max-record          | 1
          parley.bulk.max-message         | 2MiB
          parley.bulk.tries               | 0
          parley.bulk.model-wait          | -1s
          parley.bulk.retry.min           | 0s
          parley.bulk.retry.max           | 1ms
          parley.bulk.reconnect.max       | 1ms
          parley.bulk.start-timeout       | 0s
          parley.bulk.commit-interval     | 0s
          parley.bulk.topics.requests     | "no topic"
          parley.bulk.topics.results      | "parley.bulk.requests"
          parley.bulk.topics.partitions   | 0
          parley.bulk.embedded.heap       | 1
          parley.bulk.embedded.restart-delay-max | 1ms
          """)
  void aBadValueIsNamed(String key, String value) {
    String named = key.equals("parley.bulk.topics.results") ? "parley.bulk.topics.requests" : key;
    assertThatThrownBy(() -> with(Map.of(key, value)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(named);
  }

  @ParameterizedTest
  @CsvSource({"acks,1", "group.id,mine", "enable.auto.commit,true", "enable.idempotence,false"})
  void whatThePromisesRestOnIsNotForTheOperator(String key, String value) {
    assertThatThrownBy(() -> with(Map.of("parley.bulk.kafka." + key, value)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(key);
  }
}
