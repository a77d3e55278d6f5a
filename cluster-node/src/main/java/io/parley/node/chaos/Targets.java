package io.parley.node.chaos;

import io.parley.node.chaos.ChaosRun.Owners;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;

/** Chooses whom a fault strikes, so that it strikes a stream in mid-answer. */
final class Targets {
  private Targets() {}

  /**
   * A node to strike.
   *
   * @param turns those in mid-answer that need it
   */
  record Target(NodeProcess node, List<ClientTurn> turns) {
    Target {
      turns = List.copyOf(turns);
    }
  }

  /** A node with the session of streams that are read from other ones. */
  static Target owner(ChaosRun run) throws InterruptedException {
    return choose(
        run,
        (owners, turn) -> owners.of(turn),
        (owners, target) ->
            owners.isAt(target.turn(), target.node())
                && !ChaosRun.isAskedAt(target.turn(), target.node()));
  }

  /** A node from which streams are read whose sessions are elsewhere. */
  static Target edge(ChaosRun run) throws InterruptedException {
    return choose(
        run,
        (owners, turn) -> turn.edge(),
        (owners, target) ->
            ChaosRun.isAskedAt(target.turn(), target.node())
                && owners.of(target.turn()).isPresent()
                && !owners.isAt(target.turn(), target.node()));
  }

  /** A stream, and the node that is to be struck because of it. */
  private record Candidate(ClientTurn turn, NodeProcess node) {}

  private static Target choose(
      ChaosRun run,
      BiFunction<Owners, ClientTurn, Optional<NodeProcess>> victim,
      BiPredicate<Owners, Candidate> fits)
      throws InterruptedException {
    List<Candidate> found = new ArrayList<>();
    run.await(
        "an answer under way to strike at",
        () -> {
          found.clear();
          Owners owners = run.new Owners(); // shards move: asked anew each time
          for (ClientTurn turn : run.midAnswer()) {
            victim
                .apply(owners, turn)
                .map(node -> new Candidate(turn, node))
                .filter(candidate -> fits.test(owners, candidate))
                .ifPresent(found::add);
          }
          return !found.isEmpty();
        });
    NodeProcess node = run.anyOf(found).node();
    return new Target(
        node,
        found.stream()
            .filter(candidate -> candidate.node().equals(node))
            .map(Candidate::turn)
            .toList());
  }

  /** A node that computes answers now, and all streams: which of them it computes shows later. */
  static Target busyWorker(ChaosRun run) throws InterruptedException {
    List<NodeProcess> workers = run.workers();
    NodeProcess[] found = new NodeProcess[1];
    run.await(
        "a busy worker",
        () -> {
          NodeProcess worker = run.anyOf(workers);
          if (run.cluster().running(worker) >= 2 && !run.midAnswer().isEmpty()) {
            found[0] = worker;
          }
          return found[0] != null;
        });
    return new Target(found[0], run.midAnswer());
  }
}
