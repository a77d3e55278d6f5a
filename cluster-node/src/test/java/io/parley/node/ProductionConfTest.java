package io.parley.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.node.http.HttpSettings;
import io.parley.node.http.ManagementSettings;
import io.parley.node.models.ModelOrder;
import io.parley.persistence.JournalSettings;
import io.parley.routing.RoutingSettings;
import io.parley.sessions.SessionSettings;
import io.parley.workers.WorkerSettings;
import io.parley.workers.batch.BatcherSettings;
import io.parley.workers.engine.EngineSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The example of the operators' guide is one that a node takes. */
class ProductionConfTest {
  private final Config config =
      NodeConfig.load(Optional.of(Path.of("..", "deploy", "production.conf")), Map.of());

  @Test
  void allSettingsTakeIt() {
    assertThat(NodeSettings.from(config).roles()).isEqualTo(Set.of("api", "session", "worker"));
    assertThat(SessionSettings.from(config)).isNotNull();
    assertThat(RoutingSettings.from(config)).isNotNull();
    assertThat(WorkerSettings.from(config)).isNotNull();
    assertThat(ManagementSettings.from(config).host()).isEqualTo("127.0.0.1");
    assertThat(BatcherSettings.from(config).slots()).isEqualTo(32);
    assertThat(EngineSettings.from(config)).isNotNull();
  }

  @Test
  void itIsReachableAndWantsKeys() {
    HttpSettings http = HttpSettings.of(config);
    assertThat(http.host()).isEqualTo("0.0.0.0");
    assertThat(http.insecure()).isFalse();
    assertThat(http.apiKeysFile()).isPresent();
  }

  @Test
  void itServesNoSimulatedModel() {
    assertThatThrownBy(() -> ModelKinds.of(ModelOrder.of("simulated#decode=5"), config))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("parley.simulated.allowed is off");
    Config withOne =
        ConfigFactory.parseString("parley.node.models = [simulated]").withFallback(config);
    assertThatThrownBy(() -> NodePlan.of(withOne))
        .isInstanceOf(StartupException.class)
        .hasMessageContaining("the model 'simulated' only simulates one")
        .hasMessageContaining("parley.simulated.allowed is off");
  }

  @Test
  void itsJournalIsAnExternalCluster() {
    assertThat(JournalSettings.from(config).isEmbedded()).isFalse();
  }

  @Test
  void theExampleForKubernetesGoesWithItsConfiguration() throws IOException {
    Path folder = Path.of("..", "deploy", "kubernetes");
    NodePlan plan =
        NodePlan.of(NodeConfig.load(Optional.of(folder.resolve("parley.conf")), Map.of()));
    String manifest = Files.readString(folder.resolve("parley.yaml"));
    DiscoverySettings discovery = plan.cluster().discovery().orElseThrow();

    assertThat(discovery.method()).isEqualTo(DiscoverySettings.Method.KUBERNETES_API);
    assertThat(manifest)
        .contains(
            "      labels:\n        app.kubernetes.io/name: " + discovery.serviceName() + "\n",
            "- name: "
                + discovery.portName()
                + "\n              containerPort: "
                + plan.cluster().port()
                + "\n",
            "- name: http\n              containerPort: " + plan.http().port() + "\n",
            "--bind=$(POD_IP):" + plan.cluster().port() + "\n");
    assertThat(plan.http().apiKeysFile()).contains(Path.of("/etc/parley/keys/keys"));
    assertThat(manifest).contains("mountPath: /etc/parley/keys,");
    assertThat(discovery.requiredNodes()).isGreaterThan(number(manifest, "replicas") / 2);
    assertThat(Duration.ofSeconds(number(manifest, "terminationGracePeriodSeconds")))
        .isGreaterThan(StopTimes.from(plan.config()).patience());
  }

  private static int number(String manifest, String key) {
    Matcher found = Pattern.compile("\\b" + key + ": (\\d+)").matcher(manifest);
    assertThat(found.find()).as(key).isTrue();
    return Integer.parseInt(found.group(1));
  }
}
