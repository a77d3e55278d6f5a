package io.parley.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.datastax.oss.driver.api.core.config.DefaultDriverOption;
import com.datastax.oss.driver.api.core.config.DriverConfigLoader;
import com.datastax.oss.driver.api.core.config.DriverExecutionProfile;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigRenderOptions;
import java.time.Duration;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class JournalConfigTest {
  private static final JournalEndpoint LOCAL = JournalEndpoint.onLoopback(9999);

  @Test
  void theOverlayNamesOnlyKeysThatAkkaAndTheDriverKnow() {
    Config overlay = JournalConfig.akkaConfig(settings("tls.enabled = off"), LOCAL);
    Config known =
        ConfigFactory.load().withFallback(ConfigFactory.parseResources("reference.conf"));
    TreeSet<String> unknown = new TreeSet<>();
    overlay.entrySet().forEach(e -> unknown.add(e.getKey()));
    unknown.removeIf(known::hasPathOrNull);

    // commented out in the references, or inherited from the plugins' fallback
    assertThat(unknown)
        .allMatch(
            key ->
                key.endsWith("basic.contact-points")
                    || key.endsWith("local-datacenter")
                    || key.contains(".circuit-breaker.")
                    || key.contains(".replay-filter.")
                    || key.endsWith(".snapshot-is-optional"));
  }

  @Test
  void thePartitionSizeIsTheSettings() {
    Config config =
        JournalConfig.akkaConfig(settings("events-per-partition = 1234"), LOCAL)
            .withFallback(ConfigFactory.load());

    assertThat(config.getInt("akka.persistence.cassandra.journal.target-partition-size"))
        .isEqualTo(1234);
    assertThat(config.getBoolean("akka.persistence.cassandra.events-by-tag.enabled")).isFalse();
    assertThat(config.getBoolean("datastax-java-driver.advanced.reconnect-on-init")).isTrue();
  }

  @Test
  void aNewSessionCostsNoReadAndNoWriteThatNobodyNeeds() {
    Config config =
        JournalConfig.akkaConfig(settings(""), LOCAL).withFallback(ConfigFactory.load());
    Config journal = config.getConfig("akka.persistence.cassandra.journal");

    assertThat(journal.getBoolean("support-deletes")).isFalse();
    assertThat(journal.getBoolean("support-all-persistence-ids")).isFalse();
  }

  @Test
  void theDriverAcceptsTheOverlay() {
    Config driver =
        JournalConfig.driverConfig(
            settings(
                "contact-points = [\"db:9042\"], local-datacenter = dc7, username = u, password = p,"
                    + " tls { enabled = on, truststore-path = /t }"),
            new JournalEndpoint(List.of("db:9042"), "dc7"));

    try (DriverConfigLoader loader =
        DriverConfigLoader.fromString(driver.root().render(ConfigRenderOptions.concise()))) {
      DriverExecutionProfile profile = loader.getInitialConfig().getDefaultProfile();
      assertThat(profile.getString(DefaultDriverOption.LOAD_BALANCING_LOCAL_DATACENTER))
          .isEqualTo("dc7");
      assertThat(profile.getString(DefaultDriverOption.REQUEST_CONSISTENCY)).isEqualTo("QUORUM");
      assertThat(profile.getString(DefaultDriverOption.AUTH_PROVIDER_USER_NAME)).isEqualTo("u");
      assertThat(profile.getString(DefaultDriverOption.SSL_TRUSTSTORE_PATH)).isEqualTo("/t");
      assertThat(profile.getDuration(DefaultDriverOption.REQUEST_TIMEOUT)).hasSeconds(12);
    }
  }

  @Test
  void anUnreachableClusterIsOneClearLine() {
    JournalSettings settings =
        settings(
            "contact-points = [\"127.0.0.1:1\"], local-datacenter = dc1, connect-timeout = 200ms");

    assertThat(
            catchThrowableOfType(
                JournalException.class,
                () ->
                    JournalSchema.ensure(
                        settings, settings.external().orElseThrow(), Duration.ZERO)))
        .hasMessageContaining("127.0.0.1:1")
        .hasMessageContaining("onnection refused")
        .hasMessageContaining("parley.journal.contact-points")
        .hasMessageNotContaining("\n");
  }

  private static JournalSettings settings(String lines) {
    return JournalSettings.from(
        ConfigFactory.parseString("parley.journal { " + lines + " }")
            .withFallback(ConfigFactory.load())
            .resolve());
  }
}
