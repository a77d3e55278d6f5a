package io.parley.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValueFactory;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Actor systems of this process that join each other as nodes do, without a journal. */
class MembershipTest {
  private static final String PASSWORD = "changeit";

  private final List<ActorSystem<Void>> systems = new ArrayList<>();

  @TempDir private Path folder;

  @AfterEach
  void stop() {
    systems.forEach(system -> ActorTestKit.shutdown(system, Duration.ofSeconds(30)));
  }

  private Membership node(List<String> roles, Map<String, String> settings) {
    Map<String, String> all = new HashMap<>(settings);
    all.put("parley.node.roles", "[" + String.join(",", roles) + "]");
    all.put("akka.loglevel", "WARNING");
    NodePlan plan = NodePlan.of(NodeConfig.load(Optional.empty(), all));
    ActorSystem<Void> system =
        ActorSystem.create(
            Behaviors.empty(),
            Membership.SYSTEM,
            ConfigFactory.empty()
                .withValue("akka.cluster.roles", ConfigValueFactory.fromIterable(roles))
                .withFallback(Membership.config(plan))
                .withFallback(plan.config())
                .resolve());
    systems.add(system);
    return new Membership(system, plan);
  }

  private Membership worker(Membership joined, Map<String, String> settings) {
    Map<String, String> all = new HashMap<>(settings);
    all.put("parley.cluster.join", "[\"" + joined.address() + "\"]");
    all.putIfAbsent("parley.cluster.join-timeout", "60s");
    return node(List.of("worker"), all);
  }

  private Membership first(Map<String, String> settings, Optional<UUID> claim) {
    Membership first = node(List.of("session"), settings);
    assertThat(first.enter()).isEmpty();
    first.openDoor(claim);
    return first;
  }

  @Test
  void joinsAndHearsOfTheClustersClaimOrIsToldWhyNot() {
    Optional<UUID> claim = Optional.of(UUID.randomUUID());
    Membership first = first(Map.of(), claim);

    Membership second = worker(first, Map.of());
    assertThat(second.enter()).isEqualTo(claim);
    assertThat(Cluster.get(systems.get(1)).selfMember().status()).isEqualTo(MemberStatus.up());
    // classes in a folder have no version, the jar has the build's: see RollingRestartIT
    assertThat(Cluster.get(systems.get(1)).selfMember().appVersion().version()).isEqualTo("0.0.0");
    assertThat(first.isLastWriter()).as("beside a worker").isTrue();

    Membership other = worker(first, Map.of("parley.session.shards", "50"));
    assertThatThrownBy(other::enter)
        .isInstanceOf(StartupException.class)
        .hasMessageContaining("refuses this node: parley.session.shards is 100 there and 50 here");
  }

  @Test
  void withTlsOnlyWhoHasACertificateOfTheClusterIsLetIn() throws Exception {
    Map<String, String> known = tls("known");
    Membership first = first(known, Optional.empty());

    worker(first, known).enter();
    assertThat(Cluster.get(systems.get(1)).selfMember().status()).isEqualTo(MemberStatus.up());

    Map<String, String> stranger = new HashMap<>(tls("stranger"));
    stranger.put("parley.cluster.join-timeout", "2s");
    assertThatThrownBy(() -> worker(first, stranger).enter())
        .hasMessageContaining("no node of a cluster answers at");
    Map<String, String> open = Map.of("parley.cluster.join-timeout", "2s");
    assertThatThrownBy(() -> worker(first, open).enter())
        .hasMessageContaining("no node of a cluster answers at");
  }

  /** A key and a certificate that trusts itself alone. */
  private Map<String, String> tls(String name) throws IOException, InterruptedException {
    Path store = folder.resolve(name + ".p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                name,
                "-keyalg",
                "EC",
                "-groupname",
                "secp256r1",
                "-dname",
                "CN=" + name,
                "-ext",
                "san=ip:127.0.0.1",
                "-storetype",
                "PKCS12",
                "-keystore",
                store.toString(),
                "-storepass",
                PASSWORD,
                "-validity",
                "1")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(keytool.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(keytool.exitValue()).isZero();
    return Map.of(
        "parley.cluster.tls.enabled",
        "on",
        "parley.cluster.tls.key-store",
        ConfigUtil.quoteString(store.toString()),
        "parley.cluster.tls.key-store-password",
        PASSWORD,
        "parley.cluster.tls.trust-store",
        ConfigUtil.quoteString(store.toString()),
        "parley.cluster.tls.trust-store-password",
        PASSWORD);
  }
}
