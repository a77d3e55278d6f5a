package io.parley.node;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.cluster.Invalid;
import akka.cluster.Valid;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class ClusterDoorTest {
  private static final ActorTestKit KIT =
      ActorTestKit.create(
          ConfigFactory.parseString("akka.actor.provider = local")
              .withFallback(ConfigFactory.load()));
  private static final UUID CLAIM = UUID.randomUUID();
  private static final UUID JOURNAL = UUID.randomUUID();

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  private static ClusterTerms terms(String... overrides) {
    return terms(Optional.of(JOURNAL), overrides);
  }

  private static ClusterTerms terms(Optional<UUID> journal, String... overrides) {
    Map<String, String> values = new HashMap<>();
    for (int i = 0; i < overrides.length; i += 2) {
      values.put(overrides[i], overrides[i + 1]);
    }
    return ClusterTerms.of(NodePlan.of(NodeConfig.load(Optional.empty(), values)), journal);
  }

  private static ClusterDoor.Answer answerTo(ClusterTerms joining) {
    ActorRef<ClusterDoor.Message> door =
        KIT.spawn(
            ClusterDoor.create(
                terms(), new ClusterDoor.Changed(ClusterDoor.Standing.MEMBER, Optional.of(CLAIM))));
    TestProbe<ClusterDoor.Answer> node = KIT.createTestProbe();
    ClusterDoor.Knock knock = new ClusterDoor.Knock("a:1", joining.values(), node.ref());
    KIT.serializationTestKit().verifySerialization(knock, true);
    door.tell(knock);
    return KIT.serializationTestKit()
        .verifySerialization(node.expectMessageClass(ClusterDoor.Answer.class), true);
  }

  @Test
  void whoHasTheSameTermsMayJoinAndHearsOfTheClaim() {
    ClusterDoor.Answer answer = answerTo(terms("parley.http.port", "1234"));

    assertThat(answer.refusals()).isEmpty();
    assertThat(answer.claim()).contains(CLAIM);
    assertThat(answer.standing()).isEqualTo(ClusterDoor.Standing.MEMBER);
  }

  @Test
  void whoDiffersIsToldInWhat() {
    assertThat(answerTo(terms("parley.node.cluster-name", "other")).refusals())
        .containsExactly("parley.node.cluster-name is parley there and other here");
    assertThat(
            answerTo(
                    terms(
                        "parley.session.shards", "50",
                        "parley.journal.keyspace", "another"))
                .refusals())
        .containsExactly(
            "parley.journal.keyspace is parley there and another here",
            "parley.session.shards is 100 there and 50 here");
  }

  @Test
  void whoReachesAnotherJournalOfTheSameSettingsIsRefused() {
    UUID other = UUID.randomUUID();
    assertThat(answerTo(terms(Optional.of(other))).refusals())
        .containsExactly(
            "its journal is another one than parley.journal.contact-points reach from here (it has"
                + " the id %s, and that one %s)".formatted(JOURNAL, other));
  }

  @Test
  void timesByWhichNodesGiveEachOtherUpAreEqual() {
    String[] times = {
      "akka.cluster.failure-detector.acceptable-heartbeat-pause",
      "akka.cluster.split-brain-resolver.stable-after",
      "parley.journal.lease-ttl",
      "parley.routing.worker-silence",
      "parley.session.adoption-lease"
    };
    for (String time : times) {
      assertThat(answerTo(terms(time, "77s")).refusals()).singleElement().asString().contains(time);
    }
    assertThat(answerTo(terms("parley.session.adoption-lease", "3000ms")).refusals()).isEmpty();
  }

  @Test
  void aWorkersJournalSettingsDoNotMatter() {
    ClusterTerms worker =
        terms(
            Optional.empty(),
            "parley.node.roles",
            "[worker]",
            "parley.cluster.join",
            "[\"a:1\"]",
            "parley.journal.keyspace",
            "another");

    assertThat(answerTo(worker).refusals()).isEmpty();
  }

  @Test
  void anotherProtocolIsRefused() {
    Map<String, String> older = new HashMap<>(terms().values());
    older.put("protocol", "0");

    assertThat(answerTo(new ClusterTerms(older)).refusals())
        .containsExactly("its nodes speak protocol 2 and this Parley speaks 0");
  }

  @Test
  void akkasCheckComparesTheSame() {
    Config cluster = terms().toConfig();
    Config other = terms("parley.session.shards", "50").toConfig();
    JoinCheck check = new JoinCheck();

    assertThat(check.check(cluster, cluster)).isEqualTo(Valid.getInstance());
    assertThat(check.check(other, cluster)).isInstanceOf(Invalid.class);
    assertThat(check.check(ConfigFactory.empty(), cluster)).isInstanceOf(Invalid.class);
    assertThat(
            NodeConfig.load(Optional.empty(), Map.of())
                .getString("akka.cluster.configuration-compatibility-check.checkers.parley"))
        .isEqualTo(JoinCheck.class.getName());
  }
}
