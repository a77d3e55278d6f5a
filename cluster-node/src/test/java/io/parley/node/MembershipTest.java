package io.parley.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import com.typesafe.config.ConfigUtil;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Actor systems of this process that join each other as nodes do, without a journal. */
class MembershipTest {
  private final ActorNodes nodes = new ActorNodes();

  @TempDir private Path folder;

  private static void foundsNothing() {
    throw new AssertionError("this node forms no cluster by discovery");
  }

  @AfterEach
  void stop() {
    nodes.close();
  }

  private Membership worker(Membership joined, Map<String, String> settings) {
    Map<String, String> all = new HashMap<>(settings);
    all.put("parley.cluster.join", "[\"" + joined.address() + "\"]");
    all.putIfAbsent("parley.cluster.join-timeout", "60s");
    return nodes.node(List.of("worker"), all);
  }

  private Membership first(Map<String, String> settings, Optional<UUID> claim) {
    Membership first = nodes.node(List.of("session"), settings);
    assertThat(first.enter(MembershipTest::foundsNothing)).isEmpty();
    first.openDoor(claim);
    return first;
  }

  @Test
  void joinsAndHearsOfTheClustersClaimOrIsToldWhyNot() {
    Optional<UUID> claim = Optional.of(UUID.randomUUID());
    Membership first = first(Map.of(), claim);

    Membership second = worker(first, Map.of());
    assertThat(second.enter(MembershipTest::foundsNothing)).isEqualTo(claim);
    assertThat(Cluster.get(nodes.system(1)).selfMember().status()).isEqualTo(MemberStatus.up());
    assertThat(first.isLastWriter()).as("beside a worker").isTrue();

    Membership other = worker(first, Map.of("parley.session.shards", "50"));
    assertThatThrownBy(() -> other.enter(MembershipTest::foundsNothing))
        .isInstanceOf(StartupException.class)
        .hasMessageContaining("refuses this node: parley.session.shards is 100 there and 50 here");
  }

  @Test
  void withTlsOnlyWhoHasACertificateOfTheClusterIsLetIn() throws Exception {
    Map<String, String> known = tls("known");
    Membership first = first(known, Optional.empty());

    worker(first, known).enter(MembershipTest::foundsNothing);
    assertThat(Cluster.get(nodes.system(1)).selfMember().status()).isEqualTo(MemberStatus.up());

    Map<String, String> stranger = new HashMap<>(tls("stranger"));
    stranger.put("parley.cluster.join-timeout", "2s");
    assertThatThrownBy(() -> worker(first, stranger).enter(MembershipTest::foundsNothing))
        .hasMessageContaining("no node of a cluster answers at");
    Map<String, String> open = Map.of("parley.cluster.join-timeout", "2s");
    assertThatThrownBy(() -> worker(first, open).enter(MembershipTest::foundsNothing))
        .hasMessageContaining("no node of a cluster answers at");
  }

  private Map<String, String> tls(String name) throws IOException, InterruptedException {
    Path store = TestKeys.keyStore(folder, name);
    return Map.of(
        "parley.cluster.tls.enabled",
        "on",
        "parley.cluster.tls.key-store",
        ConfigUtil.quoteString(store.toString()),
        "parley.cluster.tls.key-store-password",
        TestKeys.PASSWORD,
        "parley.cluster.tls.trust-store",
        ConfigUtil.quoteString(store.toString()),
        "parley.cluster.tls.trust-store-password",
        TestKeys.PASSWORD);
  }
}
