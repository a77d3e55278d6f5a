package io.parley.node.audit;

import akka.NotUsed;
import akka.actor.typed.ActorSystem;
import akka.stream.javadsl.Source;
import io.parley.node.http.Audit;
import io.parley.persistence.JournalVerifier;
import io.parley.persistence.chain.ChainReport;
import io.parley.persistence.chain.CheckpointKeys;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionEntity;
import java.util.concurrent.CompletionStage;

/** The edge's and the management listener's view of the journal. */
public final class JournalAudit implements Audit {
  private final JournalVerifier verifier;

  public JournalAudit(ActorSystem<?> system, CheckpointKeys keys) {
    this.verifier = new JournalVerifier(system, keys);
  }

  @Override
  public CompletionStage<ChainReport> verify(SessionId session) {
    return verifier.verify(SessionEntity.persistenceId(session).id());
  }

  @Override
  public Source<ChainReport, NotUsed> verifyAll() {
    return verifier.verifyAll();
  }
}
