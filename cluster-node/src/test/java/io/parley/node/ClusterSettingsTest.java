package io.parley.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import io.parley.node.ClusterSettings.HostPort;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterSettingsTest {
  private static final String ARTERY = "akka.remote.artery.";

  private static ClusterSettings settings(Map<String, String> values) {
    return ClusterSettings.from(NodeConfig.load(Optional.empty(), values));
  }

  @Test
  void aNodeThatIsToldNobodyFormsAClusterOnAFreePortOfLoopback() {
    ClusterSettings settings = settings(Map.of());
    Config akka = settings.toAkka();

    assertThat(settings.forms()).isTrue();
    assertThat(akka.getString(ARTERY + "canonical.hostname")).isEqualTo("127.0.0.1");
    assertThat(akka.getInt(ARTERY + "canonical.port")).isZero();
    assertThat(akka.hasPath(ARTERY + "bind.port")).isFalse();
  }

  @Test
  void whatOthersAreToldMayDifferFromWhereItListens() {
    Config akka =
        settings(
                Map.of(
                    "parley.cluster.advertise-host", "node-1.example.org",
                    "parley.cluster.advertise-port", "31000",
                    "parley.cluster.bind-host", "0.0.0.0",
                    "parley.cluster.port", "25520",
                    "parley.cluster.join", "[\"node-2.example.org:25520\", \"[::1]:25521\"]"))
            .toAkka();

    assertThat(akka.getString(ARTERY + "canonical.hostname")).isEqualTo("node-1.example.org");
    assertThat(akka.getInt(ARTERY + "canonical.port")).isEqualTo(31000);
    assertThat(akka.getString(ARTERY + "bind.hostname")).isEqualTo("0.0.0.0");
    assertThat(akka.getInt(ARTERY + "bind.port")).isEqualTo(25520);
  }

  @Test
  void readsNodesToJoin() {
    ClusterSettings settings =
        settings(Map.of("parley.cluster.join", "[\"a.example:25520\", \"[fe80::1]:1\"]"));

    assertThat(settings.forms()).isFalse();
    assertThat(settings.join())
        .isEqualTo(List.of(new HostPort("a.example", 25520), new HostPort("fe80::1", 1)));
    assertThat(settings.join())
        .map(HostPort::toString)
        .containsExactly("a.example:25520", "[fe80::1]:1");
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "a:", ":1", "a:0", "a:65536", "a:1:2", "a b:1"})
  void refusesWhatIsNoAddress(String text) {
    assertThatThrownBy(() -> HostPort.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @CsvSource({
    "parley.cluster.advertise-host, ''",
    "parley.cluster.port, 70000",
    "parley.cluster.advertise-port, 25520",
    "parley.cluster.join, [nowhere]",
    "parley.cluster.join-timeout, 10ms",
    "parley.cluster.discovery.method, mdns",
    "parley.cluster.discovery.port-name, Cluster",
    "parley.cluster.discovery.port, 0",
    "parley.cluster.discovery.required-nodes, -1",
    "parley.cluster.discovery.stable-margin, 10ms",
    "parley.cluster.discovery.lookup-timeout, 1h"
  })
  void namesTheKeyThatIsWrong(String key, String value) {
    String quoted = value.isEmpty() ? "\"\"" : value;
    String named = key.equals("parley.cluster.advertise-port") ? "parley.cluster.port" : key;

    assertThatThrownBy(() -> settings(Map.of(key, quoted))).hasMessageContaining(named);
  }

  @Test
  void discoveryNeedsANameAndAPortThatStaysAndTakesThePlaceOfJoin() {
    Map<String, String> complete =
        Map.of(
            "parley.cluster.discovery.method", "kubernetes-api",
            "parley.cluster.discovery.service-name", "parley",
            "parley.cluster.port", "25520");
    assertThat(settings(complete).forms()).isFalse();

    for (Map.Entry<String, String> wrong :
        Map.of(
                "parley.cluster.discovery.service-name", "\"\"",
                "parley.cluster.port", "0",
                "parley.cluster.join", "[\"a:1\"]")
            .entrySet()) {
      Map<String, String> values = new HashMap<>(complete);
      values.put(wrong.getKey(), wrong.getValue());
      assertThatThrownBy(() -> settings(values)).hasMessageContaining(wrong.getKey());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "worker, '', cannot form one",
    "api, '', cannot form one",
    "session, a:1, parley.journal.contact-points is empty",
    "api, a:1, parley.journal.contact-points is empty"
  })
  void aNodeHasTheJournalOfItsCluster(String role, String join, String why) {
    Config config =
        NodeConfig.load(
            Optional.empty(),
            Map.of(
                "parley.node.roles",
                "[" + role + "]",
                "parley.cluster.join",
                join.isEmpty() ? "[]" : "[\"" + join + "\"]"));

    assertThatThrownBy(() -> NodePlan.of(config))
        .isInstanceOf(StartupException.class)
        .hasMessageContaining(why);
  }

  @Test
  void aWorkerThatJoinsNeedsNoJournal() {
    NodePlan plan =
        NodePlan.of(
            NodeConfig.load(
                Optional.empty(),
                Map.of("parley.node.roles", "[worker]", "parley.cluster.join", "[\"a:1\"]")));

    assertThat(plan.journalUse()).isEqualTo(NodePlan.JournalUse.NONE);
    assertThat(plan.embedsJournal()).isFalse();
  }
}
