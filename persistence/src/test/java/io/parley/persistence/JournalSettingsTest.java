package io.parley.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JournalSettingsTest {
  private static final String EXTERNAL =
      "parley.journal { contact-points = [\"db1:9042\", \"db2:9042\"], local-datacenter = dc1 }\n";

  @Test
  void defaultsAreEmbeddedWithOneCopy() {
    JournalSettings settings = settings("");

    assertThat(settings.isEmbedded()).isTrue();
    assertThat(settings.effectiveSchema().factor()).isEqualTo(1);
    assertThat(settings.effectiveConsistency()).isEqualTo("ONE");
  }

  @Test
  void contactPointsMeanAnExternalCluster() {
    JournalSettings settings = settings(EXTERNAL);

    assertThat(settings.isEmbedded()).isFalse();
    assertThat(settings.external().orElseThrow().contactPoints())
        .containsExactly("db1:9042", "db2:9042");
    assertThat(settings.effectiveConsistency()).isEqualTo("QUORUM");
    assertThat(settings.effectiveSchema().factor()).isEqualTo(3);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "contact-points = [\"db1\"]                 | parley.journal.contact-points",
        "contact-points = [\"db1:99999\"]           | parley.journal.contact-points",
        "contact-points = [\"db1:9042\"]            | parley.journal.local-datacenter",
        "password = secret                          | parley.journal.username",
        "keyspace = \"Bad-Name\"                    | parley.journal.keyspace",
        "snapshot-keyspace = parley                 | parley.journal.snapshot-keyspace",
        "replication.strategy = Other               | parley.journal.replication.strategy",
        "replication.strategy = NetworkTopologyStrategy | parley.journal.replication.data-centers",
        "consistency = SOME                         | parley.journal.consistency",
        "events-per-partition = 7                   | parley.journal.events-per-partition",
        "events-per-partition = many                | parley.journal.events-per-partition",
        "request-timeout = 20s                      | parley.journal.circuit-breaker.call-timeout",
        "replay-filter = off                        | parley.journal.replay-filter",
        "tls.enabled = perhaps                      | parley.journal.tls.enabled",
        "embedded.heap = 1 MiB                      | parley.journal.embedded.heap",
        "embedded.durability = maybe                | parley.journal.embedded.durability",
        "embedded.restart-delay-max = 1ms           | parley.journal.embedded.restart-delay-max",
      })
  void aBadValueIsRefusedByTheNameOfItsKey(String line, String key) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> settings("parley.journal { " + line + " }"))
        .withMessageContaining(key + " must be");
  }

  @Test
  void aPasswordIsNeverPrinted() {
    JournalSettings settings =
        settings(
            EXTERNAL
                + "parley.journal { username = u, password = geheim, tls { enabled = on,"
                + " truststore-password = geheim } }");

    assertThat(settings.toString()).contains("username=u").doesNotContain("geheim");
  }

  @Test
  void everyKeyChangesWhatIsRead() {
    // a key that nobody reads would be a promise that is not kept
    Set<String> unread = new TreeSet<>();
    Config journal = ConfigFactory.load().getConfig("parley.journal");
    journal
        .entrySet()
        .forEach(
            entry -> {
              Config without = ConfigFactory.load().withoutPath("parley.journal." + entry.getKey());
              String external = entry.getKey().startsWith("tls.") ? "tls.enabled = on" : "";
              Config root =
                  ConfigFactory.parseString("parley.journal { " + external + " }")
                      .withFallback(without);
              if (!entry.getKey().equals("tls.enabled") && isReadable(root)) {
                unread.add(entry.getKey());
              }
            });
    // read only with contact points
    assertThat(unread).containsExactly("local-datacenter");
  }

  private static boolean isReadable(Config root) {
    try {
      JournalSettings.from(root);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static JournalSettings settings(String text) {
    return JournalSettings.from(
        ConfigFactory.parseString(text).withFallback(ConfigFactory.load()).resolve());
  }
}
