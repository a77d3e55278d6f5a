package io.parley.node.http;

import akka.NotUsed;
import akka.stream.javadsl.Source;
import io.parley.persistence.chain.ChainReport;
import io.parley.routing.protocol.SessionId;
import java.util.concurrent.CompletionStage;

/** What auditors ask the journal. */
public interface Audit {
  /** Checks the chain of a session's journal; no events are no fault. */
  CompletionStage<ChainReport> verify(SessionId session);

  /** Checks all journals there are, one after another. */
  Source<ChainReport, NotUsed> verifyAll();
}
