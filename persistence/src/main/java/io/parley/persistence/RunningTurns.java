package io.parley.persistence;

import akka.NotUsed;
import akka.stream.javadsl.Source;
import java.util.concurrent.CompletionStage;

/**
 * The list of turns that run, kept beside the journal so that they are found after a stop of the
 * whole cluster. It may name turns that ended (a removal was lost), never the other way round once
 * {@link #add} has succeeded.
 */
public interface RunningTurns {
  /** The list is read in so many parts. A change would hide what is stored. */
  int SLICES = 64;

  /** A turn of a session; ids mean nothing here. */
  record Entry(String session, int turn) {
    /** In which part of the list it is. */
    public int slice() {
      return Math.floorMod(session.hashCode(), SLICES);
    }
  }

  /** Stores the entry, before the stage succeeds. Doing it again changes nothing. */
  CompletionStage<?> add(Entry entry);

  /** Forgets the entry, if it is there. */
  CompletionStage<?> remove(Entry entry);

  /** What is in a part of the list now, page by page as it is drained. */
  Source<Entry, NotUsed> inSlice(int slice);
}
