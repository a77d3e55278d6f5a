package io.parley.workers;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import io.parley.routing.Dispatcher;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.AttemptReport.Failed;
import io.parley.routing.protocol.AttemptReport.TokenGroup;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerMessage.DropAttempt;
import io.parley.routing.protocol.WorkerMessage.GroupAccepted;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * Sessions without a journal, one for each work: they take what workers give, tell their dispatcher
 * of the end, and start another attempt when one is lost. Thread-safe.
 */
final class FakeSessions implements Consumer<AttemptReport> {
  private record Running(Work work, ActorRef<Dispatcher.Command> dispatcher) {}

  private final ActorSystem<?> system;
  private final Consumer<Work> finished;
  private final Map<String, Running> running = new ConcurrentHashMap<>();
  private final AtomicInteger lost = new AtomicInteger();

  /**
   * @param finished hears of each work whose answer is whole, once
   */
  FakeSessions(ActorSystem<?> system, Consumer<Work> finished) {
    this.system = system;
    this.finished = finished;
  }

  synchronized void submit(Work work, ActorRef<Dispatcher.Command> dispatcher) {
    running.put(key(work.id()), new Running(work, dispatcher));
    dispatcher.tell(new Dispatcher.Submit(work, system.ignoreRef()));
  }

  /** The dispatcher died; its sessions, had they died with it, would come back at another one. */
  synchronized void move(ActorRef<Dispatcher.Command> from, ActorRef<Dispatcher.Command> to) {
    for (Running session : running.values()) {
      if (session.dispatcher().equals(from)) {
        submit(next(session.work()), to);
      }
    }
  }

  int running() {
    return running.size();
  }

  /** Attempts that were lost. */
  int lost() {
    return lost.get();
  }

  @Override
  public void accept(AttemptReport report) {
    take(report).ifPresent(finished);
  }

  private synchronized Optional<Work> take(AttemptReport report) {
    Running session = running.get(key(report.id()));
    boolean current = session != null && session.work().id().equals(report.id());
    if (report instanceof TokenGroup group) {
      if (!current) {
        group.worker().tell(new DropAttempt(group.id()));
        return Optional.empty();
      }
      boolean ended = group.finish().isPresent();
      int next = group.firstIndex() + group.tokens().size();
      group.worker().tell(new GroupAccepted(group.id(), next, ended));
      if (ended) {
        running.remove(key(group.id()));
        session.dispatcher().tell(new Dispatcher.Ended(group.id()));
        return Optional.of(session.work());
      }
    } else if (report instanceof Failed failed) {
      failed.worker().ifPresent(worker -> worker.tell(new DropAttempt(failed.id())));
      if (current) {
        lost.incrementAndGet();
        session.dispatcher().tell(new Dispatcher.CancelQueued(failed.id()));
        submit(next(session.work()), session.dispatcher());
      }
    }
    return Optional.empty();
  }

  /** The worker died: whoever watched it starts another attempt. */
  void lose(AttemptId id) {
    accept(new Failed(id, FailureCode.WORKER_LOST, "died"));
  }

  private static Work next(Work work) {
    return new Work(
        new AttemptId(work.id().session(), work.id().turn(), work.id().attempt() + 1),
        work.model(),
        work.messages(),
        work.prefix(),
        work.sampling(),
        work.contextPolicy(),
        work.priority(),
        work.startedAtEpochMillis(),
        work.queueDeadlineEpochMillis());
  }

  private static String key(AttemptId id) {
    return id.session().value() + "#" + id.turn();
  }
}
