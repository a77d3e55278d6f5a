package io.parley.sessions;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.AskPattern;
import akka.cluster.Member;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import io.parley.routing.Dispatcher;
import io.parley.routing.Dispatchers;
import io.parley.routing.SessionReports;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.AttemptReport;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.TenantId;
import io.parley.routing.protocol.Work;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/** Brings attempts to the dispatcher of this node. */
public final class DispatcherSubmitter implements WorkSubmitter {
  /** The dispatcher is on this node: only a restart of it takes longer. */
  private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(5);

  private final ActorSystem<?> system;
  private final Dispatchers dispatchers;
  private final Consumer<AttemptReport> sessions;

  public DispatcherSubmitter(ActorSystem<?> system) {
    this.system = system;
    this.dispatchers = Dispatchers.get(system);
    this.sessions = SessionReports.bySharding(system);
  }

  @Override
  public Optional<Long> retryAfterMillis(TenantId tenant, ModelId model) {
    return dispatchers.retryAfterMillis(tenant, model);
  }

  @Override
  public CompletionStage<Submission> submit(Work work) {
    return AskPattern.<Dispatcher.Command, Dispatcher.SubmitReply>ask(
            dispatchers.local(),
            replyTo -> new Dispatcher.Submit(work, replyTo),
            ANSWER_TIMEOUT,
            system.scheduler())
        .thenApply(DispatcherSubmitter::submission);
  }

  @Override
  public void cancel(AttemptId id) {
    dispatchers.local().tell(new Dispatcher.CancelQueued(id));
  }

  @Override
  public void takeAlong(AttemptId id) {
    cancel(id);
    if (othersHost()) { // else it would wait in the shard region, and hold up its end
      sessions.accept(
          new AttemptReport.Failed(
              id, FailureCode.WORKER_LEFT, "the session moved with its queue", Optional.empty()));
    }
  }

  private boolean othersHost() {
    Cluster cluster = Cluster.get(system);
    for (Member member : cluster.state().getMembers()) {
      if (member.hasRole(SessionSharding.ROLE)
          && member.status() == MemberStatus.up()
          && !member.uniqueAddress().equals(cluster.selfMember().uniqueAddress())) {
        return true;
      }
    }
    return false;
  }

  @Override
  public void ended(AttemptId id) {
    dispatchers.local().tell(new Dispatcher.Ended(id));
  }

  private static Submission submission(Dispatcher.SubmitReply reply) {
    if (reply instanceof Dispatcher.Full full) {
      return new Submission.Full(full.retryAfterMillis());
    }
    if (reply instanceof Dispatcher.NoWorker) {
      return new Submission.NoWorker();
    }
    return new Submission.Queued();
  }
}
