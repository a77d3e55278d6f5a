package io.parley.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.node.bulk.BulkSettings;
import io.parley.node.http.HttpSettings;
import io.parley.node.http.ManagementSettings;
import io.parley.node.models.ModelsSettings;
import io.parley.persistence.AuditSettings;
import io.parley.persistence.JournalSettings;
import io.parley.routing.EmbeddingQueueSettings;
import io.parley.routing.RoutingSettings;
import io.parley.sessions.SessionSettings;
import io.parley.workers.WorkerSettings;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.embedding.EmbeddingSettings;
import io.parley.workers.engine.EngineSettings;
import io.parley.workers.engine.simulated.SimulatedSettings;
import io.parley.workers.upstream.UpstreamSettings;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** A key that is documented but that nobody reads would be a promise that nobody keeps. */
class ReferenceConfTest {
  private static final List<Consumer<Config>> READERS =
      List.of(
          NodeSettings::from,
          ClusterSettings::from,
          HttpSettings::of,
          ManagementSettings::from,
          ModelsSettings::from,
          JournalSettings::from,
          AuditSettings::from,
          SessionSettings::from,
          RoutingSettings::from,
          EmbeddingQueueSettings::from,
          WorkerSettings::from,
          BatcherSettings::from,
          EngineSettings::from,
          EmbeddingSettings::from,
          SimulatedSettings::from,
          UpstreamSettings::from,
          BulkSettings::from);

  /** So that the keys which only matter with an external journal or with TLS are read, too. */
  private static final Config EVERYTHING_ON =
      ConfigFactory.parseString(
          """
          parley.journal.contact-points = ["localhost:9042"]
          parley.journal.local-datacenter = dc1
          parley.journal.tls.enabled = on
          """);

  private final Config config =
      EVERYTHING_ON.withFallback(NodeConfig.load(Optional.empty(), Map.of()));

  @Test
  void theDefaultsAreAllowed() {
    READERS.forEach(
        reader -> assertThatCode(() -> reader.accept(config)).doesNotThrowAnyException());
  }

  @Test
  void aRecoveredSessionHearsOfARunningAttemptBeforeItGivesItUp() {
    Duration lease = SessionSettings.from(config).adoptionLease();
    WorkerSettings worker = WorkerSettings.from(config);
    assertThatCode(() -> worker.requireTwoResendsWithin(lease)).doesNotThrowAnyException();
    assertThatThrownBy(() -> worker.requireTwoResendsWithin(worker.resendMax()))
        .hasMessageContaining("parley.worker.resend-max")
        .hasMessageContaining("parley.session.adoption-lease");
  }

  @Test
  void aWorkerReportsSeveralTimesBeforeItIsTakenForSilent() {
    Duration silence = RoutingSettings.from(config).workerSilence();
    WorkerSettings worker = WorkerSettings.from(config);
    assertThatCode(() -> worker.requireThreeReportsWithin(silence)).doesNotThrowAnyException();
    assertThatThrownBy(() -> worker.requireThreeReportsWithin(worker.loadReportInterval()))
        .hasMessageContaining("parley.worker.load-report-interval")
        .hasMessageContaining("parley.routing.worker-silence");
  }

  @Test
  void eachKeyIsRead() {
    List<String> unread =
        documented().entrySet().stream()
            .map(entry -> "parley." + entry.getKey())
            .filter(key -> !isRead(key))
            .sorted()
            .toList();

    assertThat(unread).isEmpty();
  }

  /** The keys of the modules' files alone: the whole configuration holds system properties, too. */
  private static Config documented() {
    return EVERYTHING_ON
        .withFallback(ConfigFactory.defaultReferenceUnresolved())
        .getConfig("parley");
  }

  /** All settings are required, so a reader of the key fails without it. */
  private boolean isRead(String key) {
    Config without = config.withoutPath(key);
    return READERS.stream().anyMatch(reader -> fails(reader, without));
  }

  private static boolean fails(Consumer<Config> reader, Config config) {
    try {
      reader.accept(config);
      return false;
    } catch (RuntimeException e) {
      return true;
    }
  }
}
