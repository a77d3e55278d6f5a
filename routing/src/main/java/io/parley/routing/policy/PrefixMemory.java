package io.parley.routing.policy;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.WorkerMessage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which workers have computed which beginnings of conversations, as far as one dispatcher sent them
 * there. Bounded; the least recently used is forgotten first. A hint: a worker may have given the
 * blocks up since.
 */
final class PrefixMemory {
  /** The first messages are what conversations share: instructions, and a common first question. */
  private static final int SHARED_MESSAGES = 2;

  private static final int HOLDERS_MAX = 8;

  private record Turn(SessionId session, int turn) {
    static Turn of(AttemptId id) {
      return new Turn(id.session(), id.turn());
    }
  }

  private static final class Entry {
    final List<ActorRef<WorkerMessage>> holders = new ArrayList<>(1); // the latest is the last

    /** Whether it was the whole prompt of a turn, and not just the beginning of one. */
    boolean whole;

    /** The one turn that may go on from a whole prompt as its own conversation; null for none. */
    Turn claimant;

    void hold(ActorRef<WorkerMessage> worker) {
      holders.remove(worker);
      holders.add(worker);
      if (holders.size() > HOLDERS_MAX) {
        holders.remove(0);
      }
    }
  }

  /**
   * The longest beginning of a work that some worker has.
   *
   * @param holders the latest is the last
   * @param chars its length
   * @param own whether it is the work's own conversation up to its last turn, and nobody else's
   */
  record Match(List<ActorRef<WorkerMessage>> holders, int chars, boolean own) {
    static final Match NONE = new Match(List.of(), 0, false);
  }

  private final Map<Long, Entry> entries;

  PrefixMemory(int prefixesMax) {
    entries =
        new LinkedHashMap<>(16, 0.75f, true) {
          private static final long serialVersionUID = 1L;

          @Override
          protected boolean removeEldestEntry(Map.Entry<Long, Entry> eldest) {
            return size() > prefixesMax;
          }
        };
  }

  int size() {
    return entries.size();
  }

  /**
   * Finds the longest beginning of the work that is known. The first turn that goes on from a whole
   * prompt is its conversation's next one; what else goes on from there shares it, as copies of one
   * prompt do.
   */
  Match longest(WaitingWork work) {
    PrefixChain chain = work.prefixes();
    for (int messages = chain.size(); messages > 0; messages--) {
      Entry entry = entries.get(chain.hash(messages));
      if (entry != null) {
        Turn turn = Turn.of(work.id());
        if (entry.whole && entry.claimant == null) {
          entry.claimant = turn;
        }
        return new Match(entry.holders, chain.chars(messages), turn.equals(entry.claimant));
      }
    }
    return Match.NONE;
  }

  /** The worker computes the work's prompt. */
  void remember(WaitingWork work, ActorRef<WorkerMessage> worker) {
    PrefixChain chain = work.prefixes();
    for (int messages = 1; messages <= Math.min(SHARED_MESSAGES, chain.size()); messages++) {
      entry(chain.hash(messages)).hold(worker);
    }
    if (chain.size() > 0) {
      Entry whole = entry(chain.hash(chain.size()));
      whole.hold(worker);
      whole.whole = true;
    }
  }

  private Entry entry(long hash) {
    return entries.computeIfAbsent(hash, h -> new Entry());
  }
}
