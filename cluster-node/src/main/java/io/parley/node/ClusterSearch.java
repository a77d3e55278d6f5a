package io.parley.node;

import akka.actor.Address;
import akka.actor.typed.ActorSystem;
import akka.discovery.Discovery;
import akka.discovery.ServiceDiscovery;
import akka.discovery.ServiceDiscovery.ResolvedTarget;
import io.parley.node.ClusterDoor.Answer;
import io.parley.node.ClusterDoor.Standing;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks for a cluster among the nodes that discovery names. Each of them is asked at its {@link
 * ClusterDoor}; one that is a member says so, and that ends the search. When all that are named are
 * starting, too, the one with the lowest address of those that may form a cluster is to do it: once
 * there are as many as the settings require, every node that is named has answered, and what was
 * found was the same for a while. A node that does not answer may be a member of a cluster that
 * cannot be reached from here, so nobody forms one beside it.
 */
final class ClusterSearch {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterSearch.class);
  private static final Duration PAUSE = Duration.ofSeconds(1);
  private static final int NAMED_MAX = 100;
  private static final Comparator<Address> BY_ADDRESS = Comparator.comparing(Address::hostPort);

  /** How a search ends well. */
  sealed interface Found {
    /** There is a cluster, which this node may join. */
    record Cluster(List<Address> members, Optional<UUID> claim) implements Found {}

    /** There is none, and this node is to form it. */
    record Nobody() implements Found {}
  }

  /**
   * What is known after one look.
   *
   * @param answers of those that answered
   * @param failure of the look-up
   */
  private record Look(Set<Address> named, Map<Address, Answer> answers, Optional<String> failure) {}

  private final ActorSystem<?> system;
  private final Address self;
  private final DiscoverySettings settings;
  private final ClusterTerms terms;
  private final boolean mayForm;
  private final ServiceDiscovery discovery;
  private String lastSaid = "";

  /**
   * Makes a search ready.
   *
   * @param mayForm whether this node may form a cluster
   * @throws StartupException when there is nobody to ask, such as outside Kubernetes
   */
  ClusterSearch(
      ActorSystem<?> system,
      Address self,
      DiscoverySettings settings,
      ClusterTerms terms,
      boolean mayForm) {
    this.system = system;
    this.self = self;
    this.settings = settings;
    this.terms = terms;
    this.mayForm = mayForm;
    try {
      this.discovery = Discovery.get(system).loadServiceDiscovery(settings.method().akka());
    } catch (RuntimeException e) {
      throw new StartupException(
          "nodes cannot be looked up by " + settings.method() + ": " + reason(e), e);
    }
  }

  /**
   * Looks again and again.
   *
   * @param deadlineNanos in the time of {@link System#nanoTime()}
   * @throws StartupException with one line: a node that was found refuses this one, or the search
   *     took too long
   */
  Found search(long deadlineNanos) {
    Set<Address> before = Set.of();
    long sinceNanos = System.nanoTime();
    while (true) {
      Look look = look();
      requireAdmitted(look);
      List<Address> members = with(look, Standing.MEMBER);
      if (!members.isEmpty()) {
        return new Found.Cluster(members, look.answers().get(members.get(0)).claim());
      }
      long nowNanos = System.nanoTime();
      Optional<String> whyNot = whyNotForm(look);
      if (whyNot.isPresent() || !look.named().equals(before)) {
        sinceNanos = nowNanos;
      }
      before = look.named();
      if (whyNot.isEmpty() && nowNanos - sinceNanos >= settings.stableMargin().toNanos()) {
        return new Found.Nobody();
      }
      String state = whyNot.orElse("this node forms one soon");
      if (nowNanos - deadlineNanos > 0) {
        throw new StartupException("no cluster was found: " + state);
      }
      say(state);
      Waiting.pause(PAUSE);
    }
  }

  private Look look() {
    Set<Address> named = new TreeSet<>(BY_ADDRESS);
    Optional<String> failure = Optional.empty();
    try {
      discovery
          .lookup(settings.lookup(), settings.lookupTimeout())
          .toCompletableFuture()
          .get(settings.lookupTimeout().multipliedBy(2).toMillis(), TimeUnit.MILLISECONDS)
          .getAddresses()
          .stream()
          .map(this::address)
          .limit(NAMED_MAX)
          .forEach(named::add);
    } catch (ExecutionException e) {
      failure = Optional.of(reason(e.getCause()));
    } catch (TimeoutException e) {
      failure = Optional.of("no answer in time");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StartupException("interrupted", e);
    }
    List<Address> others = named.stream().filter(each -> !each.equals(self)).toList();
    Map<Address, Answer> answers = new TreeMap<>(BY_ADDRESS);
    answers.putAll(ClusterDoor.answers(system, hostPort(self), others, terms));
    return new Look(named, answers, failure);
  }

  private Address address(ResolvedTarget target) {
    int port = target.getPort().map(Integer.class::cast).orElse(settings.port());
    return new Address("akka", Membership.SYSTEM, target.host(), port);
  }

  private static void requireAdmitted(Look look) {
    look.answers()
        .forEach(
            (address, answer) -> {
              if (!answer.refusals().isEmpty()) {
                throw new StartupException(
                    (answer.standing() == Standing.MEMBER
                            ? "the cluster at " + hostPort(address)
                            : "the node at " + hostPort(address) + ", which is starting, too,")
                        + " refuses this node: "
                        + String.join("; ", answer.refusals()));
              }
            });
  }

  /** Why this node does not form a cluster, beside the margin. */
  private Optional<String> whyNotForm(Look look) {
    if (look.failure().isPresent()) {
      return Optional.of(
          "asked " + settings.asked() + " and failed: " + look.failure().orElseThrow());
    }
    if (look.named().isEmpty()) {
      return Optional.of("asked " + settings.asked() + ", and there are none");
    }
    String found = "asked " + settings.asked() + " and found " + describe(look);
    if (!mayForm) {
      return Optional.of(found + "; none is a member, and this node does not form a cluster");
    }
    if (!look.named().contains(self)) {
      return Optional.of(
          found
              + "; none is a member, and this node's own address "
              + hostPort(self)
              + " is not"
              + " among them (--advertise)");
    }
    List<Address> candidates = with(look, Standing.CANDIDATE);
    boolean allSpeak = look.answers().size() == look.named().size() - 1;
    boolean somebodyEnters = !with(look, Standing.ENTERING).isEmpty();
    boolean lowest = candidates.stream().allMatch(each -> BY_ADDRESS.compare(self, each) < 0);
    int able = candidates.size() + 1;
    if (able >= settings.requiredNodes() && allSpeak && !somebodyEnters && lowest) {
      return Optional.empty();
    }
    return Optional.of(
        found
            + "; "
            + able
            + " of the "
            + settings.requiredNodes()
            + " that parley.cluster.discovery.required-nodes wants");
  }

  private String describe(Look look) {
    return String.join(
        ", ",
        look.named().stream()
            .map(
                address -> {
                  Answer answer = look.answers().get(address);
                  String state =
                      address.equals(self)
                          ? "this node"
                          : answer == null ? "no answer" : answer.standing().toString();
                  return hostPort(address) + " (" + state + ")";
                })
            .toList());
  }

  private static List<Address> with(Look look, Standing standing) {
    return look.answers().entrySet().stream()
        .filter(each -> each.getValue().standing() == standing)
        .map(Map.Entry::getKey)
        .toList();
  }

  /** Once for each change, so that whoever reads the log of a start that waits knows for what. */
  private void say(String state) {
    if (!state.equals(lastSaid)) {
      LOG.info("Looking for a cluster: {}", state);
    }
    lastSaid = state;
  }

  private static String hostPort(Address address) {
    return new ClusterSettings.HostPort(
            address.getHost().orElseThrow(), address.getPort().orElseThrow())
        .toString();
  }

  private static String reason(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
  }
}
