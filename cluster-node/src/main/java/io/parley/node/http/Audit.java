package io.parley.node.http;

import akka.NotUsed;
import akka.stream.javadsl.Source;
import com.fasterxml.jackson.databind.JsonNode;
import io.parley.persistence.AuditAccesses.Access;
import io.parley.persistence.chain.ChainReport;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import java.time.LocalDate;
import java.util.Optional;
import java.util.concurrent.CompletionStage;

/** What auditors ask the journal. */
public interface Audit {
  /** Checks the chain of a session's journal; no events are no fault. */
  CompletionStage<ChainReport> verify(SessionId session);

  /** Checks all journals there are, one after another. */
  Source<ChainReport, NotUsed> verifyAll();

  /** The events of a session in a range, in order. */
  Source<Line, NotUsed> events(SessionId session, Range range);

  /**
   * The events in a range of all sessions, one session after another.
   *
   * @param tenant only of this one
   */
  Source<Line, NotUsed> export(Optional<TenantId> tenant, Range range);

  /**
   * What a session was when the last event of a range had happened; empty when none of its events
   * is in it.
   *
   * @param range from the session's first event on
   */
  CompletionStage<Optional<State>> replay(SessionId session, Range range);

  /** Writes down that somebody asks; when that is done, it will be found. */
  CompletionStage<?> accessed(String listener, String caller, String address, String request);

  /** Who asked what on a day. */
  Source<Access, NotUsed> accesses(LocalDate day);

  /**
   * A part of a journal, all bounds included. Times are those that the events themselves name.
   *
   * @param from first sequence number
   * @param to last sequence number
   * @param sinceMillis milliseconds since 1970
   * @param untilMillis milliseconds since 1970
   */
  record Range(long from, long to, long sinceMillis, long untilMillis) {
    /** All up to a number. */
    static Range upTo(long sequence) {
      return new Range(1, sequence, 0, Long.MAX_VALUE);
    }

    public boolean holds(long atMillis) {
      return atMillis >= sinceMillis && atMillis <= untilMillis;
    }
  }

  /** A line of an export. */
  sealed interface Line {
    SessionId session();

    /**
     * A journaled event.
     *
     * @param atMillis when it happened, as it says itself
     * @param storedAtMillis when it was written, as its row says
     * @param hash in hex; empty for one of before there were seals
     */
    record Event(
        SessionId session,
        long sequence,
        long atMillis,
        long storedAtMillis,
        String manifest,
        Optional<String> hash,
        JsonNode payload)
        implements Line {}

    /** What follows of this session cannot be read. */
    record Unreadable(SessionId session) implements Line {}
  }

  /**
   * A session at one moment.
   *
   * @param sequence number of its last event then
   * @param atMillis when that happened
   * @param session as it is stored in snapshots
   */
  record State(long sequence, long atMillis, JsonNode session) {}
}
