package io.parley.node;

import akka.Done;
import akka.actor.Address;
import akka.actor.CoordinatedShutdown;
import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Behavior;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.ClusterEvent.ClusterDomainEvent;
import akka.cluster.ClusterEvent.ClusterShuttingDown$;
import akka.cluster.ClusterEvent.MemberEvent;
import akka.cluster.Member;
import akka.cluster.MemberStatus;
import akka.cluster.UniqueAddress;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Join;
import akka.cluster.typed.JoinSeedNodes;
import akka.cluster.typed.Subscribe;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigValueFactory;
import io.parley.node.ClusterDoor.Standing;
import io.parley.node.ClusterSearch.Found;
import io.parley.sessions.SessionSharding;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;

/**
 * How a node becomes a member, and what it knows of the others. It forms a cluster only when nobody
 * is named to be joined, and joins one only when somebody is: a node that cannot reach the others
 * must not take itself for the first of all. With discovery, {@link ClusterSearch} decides.
 */
final class Membership {
  /** The actor systems' name, the same everywhere; what tells clusters apart is in the terms. */
  static final String SYSTEM = "parley";

  private final Cluster cluster;
  private final ActorSystem<?> system;
  private final ClusterSettings settings;
  private final ClusterTerms terms;
  private final boolean mayForm;
  private Optional<ActorRef<ClusterDoor.Message>> door = Optional.empty();
  private boolean formed;
  private final Set<UniqueAddress> others = ConcurrentHashMap.newKeySet();

  Membership(ActorSystem<?> system, NodePlan plan) {
    this.system = system;
    this.cluster = Cluster.get(system);
    this.settings = plan.cluster();
    this.terms = ClusterTerms.of(plan);
    this.mayForm =
        plan.journalUse() == NodePlan.JournalUse.WRITE
            && settings.discovery().filter(how -> how.requiredNodes() > 0).isPresent();
    system.systemActorOf(followWriters(), "parley-writers", Props.empty());
  }

  /** What the actor system of a node must be given. */
  static Config config(NodePlan plan) {
    String version = Membership.class.getPackage().getImplementationVersion();
    return plan.cluster()
        .toAkka()
        // new shards go to the nodes of the newest release, so that an update moves them once
        .withValue(
            "akka.cluster.app-version",
            ConfigValueFactory.fromAnyRef(version == null ? "0.0.0" : version))
        .withFallback(ClusterTerms.of(plan).toConfig());
  }

  /**
   * Forms the cluster, or joins it.
   *
   * @param founding runs when discovery has this node form one, before it does
   * @return by which claim the cluster that was joined holds its keyspace, if it does
   * @throws StartupException with one line, when that takes longer than {@code join-timeout}, or
   *     the cluster refuses this node
   */
  Optional<UUID> enter(Runnable founding) {
    Optional<UUID> claim = Optional.empty();
    if (settings.forms()) {
      form();
    } else if (settings.discovery().isPresent()) {
      claim = discover(settings.discovery().get(), founding);
    } else {
      List<Address> seeds = seeds();
      claim = ClusterDoor.knock(system, self().hostPort(), seeds, terms, deadline());
      cluster.manager().tell(new JoinSeedNodes(seeds));
    }
    long deadline = deadline();
    boolean entered =
        Waiting.until(
            deadline,
            () -> cluster.selfMember().status() == MemberStatus.up() || cluster.isTerminated());
    if (entered && !cluster.isTerminated()) {
      return claim;
    }
    CoordinatedShutdown.Reason reason =
        CoordinatedShutdown.get(system).getShutdownReason().orElse(null);
    throw new StartupException(
        CoordinatedShutdown.incompatibleConfigurationDetectedReason().equals(reason)
            ? "the cluster refuses this node, since their settings differ; the logs of both say how"
            : "this node did not become a member of its cluster within "
                + settings.joinTimeout().toSeconds()
                + " s: the log says why (a node of it may be unreachable, and not be given up"
                + " yet)");
  }

  /** Why a node ends that the others may have given up. */
  record StoodStill(Duration pause) implements CoordinatedShutdown.Reason {
    @Override
    public String toString() {
      return "it stood still for "
          + pause.toSeconds()
          + " s, and other nodes may have taken its sessions over";
    }
  }

  /** Watches whether this process runs all the time; if not, it ends. */
  Pulse startPulse() {
    return new Pulse(Pulse.limit(system.settings().config()), this::isLastWriter, System::nanoTime)
        .start(
            pause -> {
              StoodStill reason = new StoodStill(pause);
              system.log().error("This node ends: {}", reason);
              CompletionStage<Done> unused = CoordinatedShutdown.get(system).runAll(reason);
            });
  }

  private Optional<UUID> discover(DiscoverySettings discovery, Runnable founding) {
    answer(mayForm ? Standing.CANDIDATE : Standing.WAITING, Optional.empty());
    Found found = new ClusterSearch(system, self(), discovery, terms, mayForm).search(deadline());
    answer(Standing.ENTERING, Optional.empty());
    if (found instanceof Found.Cluster there) {
      cluster.manager().tell(new JoinSeedNodes(there.members()));
      return there.claim();
    }
    founding.run();
    form();
    return Optional.empty();
  }

  private void form() {
    formed = true;
    cluster.manager().tell(Join.create(self()));
  }

  private long deadline() {
    return System.nanoTime() + settings.joinTimeout().toNanos();
  }

  /** Whether this node has formed its cluster. */
  boolean hasFormed() {
    return formed;
  }

  /** Lets others ask this member before they join. */
  void openDoor(Optional<UUID> claim) {
    answer(Standing.MEMBER, claim);
  }

  private void answer(Standing standing, Optional<UUID> claim) {
    ClusterDoor.Changed state = new ClusterDoor.Changed(standing, claim);
    door.ifPresentOrElse(
        open -> open.tell(state), () -> door = Optional.of(ClusterDoor.open(system, terms, state)));
  }

  /** Where others reach this node. */
  ClusterSettings.HostPort address() {
    Address self = self();
    return new ClusterSettings.HostPort(self.getHost().orElseThrow(), self.getPort().orElseThrow());
  }

  /**
   * Whether, as far as this node knew to its end, no other node is left that may write to the
   * journal.
   */
  boolean isLastWriter() {
    return others.isEmpty();
  }

  /** Follows which other nodes may write; what it knows at the end of the cluster stays. */
  private Behavior<ClusterDomainEvent> followWriters() {
    return Behaviors.setup(
        context -> {
          cluster
              .subscriptions()
              .tell(Subscribe.create(context.getSelf(), ClusterDomainEvent.class));
          return Behaviors.receive(ClusterDomainEvent.class)
              .onMessage(
                  MemberEvent.class,
                  event -> {
                    Member member = event.member();
                    if (member.uniqueAddress().equals(cluster.selfMember().uniqueAddress())
                        || !member.hasRole(SessionSharding.ROLE)) {
                      return Behaviors.same();
                    }
                    if (member.status() == MemberStatus.removed()) {
                      others.remove(member.uniqueAddress());
                    } else {
                      others.add(member.uniqueAddress());
                    }
                    return Behaviors.same();
                  })
              // what comes behind it is not true: a node without a cluster knows of nobody
              .onMessage(ClusterShuttingDown$.class, end -> Behaviors.stopped())
              .build();
        });
  }

  private Address self() {
    return cluster.selfMember().address();
  }

  /** Never this node itself: as the first of all seeds it would form a cluster. */
  private List<Address> seeds() {
    List<Address> seeds =
        settings.join().stream()
            .map(seed -> new Address("akka", SYSTEM, seed.host(), seed.port()))
            .filter(seed -> !seed.equals(self()))
            .toList();
    if (seeds.isEmpty()) {
      throw new StartupException(
          "parley.cluster.join (--join) names this node alone: name nodes that are up, or none to"
              + " form a cluster");
    }
    return seeds;
  }
}
