package io.parley.node;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Actor systems of this process that join each other as nodes do, without a journal. */
final class ActorNodes implements AutoCloseable {
  private final List<ActorSystem<Void>> systems = new ArrayList<>();

  /** A node that has not entered a cluster yet. */
  Membership node(List<String> roles, Map<String, String> settings) {
    Map<String, String> all = new HashMap<>(settings);
    all.put("parley.node.roles", "[" + String.join(",", roles) + "]");
    all.put("akka.loglevel", "WARNING");
    NodePlan plan = NodePlan.of(NodeConfig.load(Optional.empty(), all));
    ClusterTerms terms = ClusterTerms.of(plan, Optional.empty());
    ActorSystem<Void> system =
        ActorSystem.create(
            Behaviors.empty(),
            Membership.SYSTEM,
            ConfigFactory.empty()
                .withValue("akka.cluster.roles", ConfigValueFactory.fromIterable(roles))
                .withFallback(Membership.config(plan, terms))
                .withFallback(plan.config())
                .resolve());
    systems.add(system);
    return new Membership(system, plan, terms);
  }

  /** The actor system of the node that was made as this one, from 0 on. */
  ActorSystem<Void> system(int number) {
    return systems.get(number);
  }

  /**
   * The last comes first: who was not let in may hold the other end of a TLS handshake that never
   * ends, for which the one that it knocked at would wait.
   */
  @Override
  public void close() {
    for (int i = systems.size() - 1; i >= 0; i--) {
      ActorTestKit.shutdown(systems.get(i), Duration.ofSeconds(30));
    }
  }
}
