package io.parley.persistence;

import akka.persistence.PersistentRepr;
import akka.persistence.cassandra.journal.CassandraJournal;
import com.typesafe.config.Config;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Function1;
import scala.concurrent.Future;
import scala.runtime.BoxedUnit;

/**
 * Akka's journal in Cassandra, which replays by the rule of {@link Superseded}.
 *
 * <p>The plugin alone stops at the first row of the last number. When the earlier writer's row
 * comes first there, it is taken for the event, or discarded by the replay filter with nothing in
 * its place: the last event, of which clients may have been told, would be missing. So this reads
 * on to the end of that number, and begins ahead of the first one where a snapshot has made the
 * earlier writers unknown.
 */
public final class SessionJournal extends CassandraJournal {
  private static final Logger LOG = LoggerFactory.getLogger(SessionJournal.class);

  private final boolean discards;

  /** As the plugin is made by Akka. */
  public SessionJournal(Config config, String path) {
    super(config, path);
    this.discards = config.getString("replay-filter.mode").equals("repair-by-discard-old");
  }

  @Override
  public Future<BoxedUnit> asyncReplayMessages(
      String persistenceId,
      long fromSequenceNr,
      long toSequenceNr,
      long max,
      Function1<PersistentRepr, BoxedUnit> replay) {
    if (!discards || max != Long.MAX_VALUE || toSequenceNr == Long.MAX_VALUE) {
      return super.asyncReplayMessages(persistenceId, fromSequenceNr, toSequenceNr, max, replay);
    }
    Replay events = new Replay(fromSequenceNr, toSequenceNr, replay);
    return super.asyncReplayMessages(
            persistenceId,
            Superseded.from(fromSequenceNr),
            toSequenceNr + 1, // else it stops at the first row of the last number
            max,
            events::row)
        .map(
            done -> {
              events.end(persistenceId);
              return done;
            },
            context().dispatcher());
  }

  /** One replay; its rows come one after the other. */
  private static final class Replay {
    private final long from;
    private final long to;
    private final Function1<PersistentRepr, BoxedUnit> replay;
    private final Superseded<PersistentRepr> events;
    private long rows;
    private long replayed;

    Replay(long from, long to, Function1<PersistentRepr, BoxedUnit> replay) {
      this.from = from;
      this.to = to;
      this.replay = replay;
      this.events = new Superseded<>(from, PersistentRepr::sequenceNr, PersistentRepr::writerUuid);
    }

    BoxedUnit row(PersistentRepr row) {
      if (row.sequenceNr() <= to) { // what is stored since belongs to nobody who is known here
        rows += row.sequenceNr() >= from ? 1 : 0;
        events.next(row).ifPresent(this::event);
      }
      return BoxedUnit.UNIT;
    }

    void end(String persistenceId) {
      events.last().ifPresent(this::event);
      if (replayed < rows) {
        LOG.warn("{} rows of {} are late writes and no events", rows - replayed, persistenceId);
      }
    }

    private void event(PersistentRepr event) {
      replayed++;
      replay.apply(event);
    }
  }
}
