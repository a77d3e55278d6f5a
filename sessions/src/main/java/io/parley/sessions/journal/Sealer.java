package io.parley.sessions.journal;

import io.parley.persistence.chain.ChainHead;
import io.parley.persistence.chain.RawRow;
import io.parley.persistence.chain.Seal;
import io.parley.sessions.domain.SessionEvent;
import java.util.ArrayList;
import java.util.List;

/** Turns what was decided into what is stored. One serves all sessions of a node. */
public final class Sealer {
  private final SessionSerializer serializer = new SessionSerializer();

  /** The events as they are stored behind {@code head}, each chained to the one before. */
  public List<ChainedEvent> seal(ChainHead head, List<SessionEvent> events) {
    List<ChainedEvent> sealed = new ArrayList<>(events.size());
    ChainHead before = head;
    for (SessionEvent event : events) {
      String manifest = serializer.manifest(event);
      byte[] stored = Seal.stored(before, RawRow.SEALED, manifest, serializer.toBinary(event));
      ChainedEvent next = new ChainedEvent(event, RawRow.SEALED, manifest, stored);
      sealed.add(next);
      before = before.behind(next.seal());
    }
    return sealed;
  }
}
