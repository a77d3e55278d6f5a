package io.parley.routing.policy;

import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.Work;
import java.util.List;

/**
 * A hash chain over a work's messages: the hash at each message stands for the model, the tenant
 * and all messages up to there. So a caller that sends the whole conversation again is known by
 * what it sent before, as a session is. The hashes are not secret and not collision-proof: two
 * prefixes that share one cost a worse choice of the worker, nothing else.
 */
public final class PrefixChain {
  private final long[] hashes;
  private final int[] chars;
  private final long opening;

  private PrefixChain(long[] hashes, int[] chars, long opening) {
    this.hashes = hashes;
    this.chars = chars;
    this.opening = opening;
  }

  static PrefixChain of(Work work) {
    List<Message> messages = work.messages();
    long[] hashes = new long[messages.size()];
    int[] chars = new int[messages.size()];
    long hash = mix(work.model().hashCode(), work.id().session().tenant().hashCode());
    int length = 0;
    int openingEnd = 0;
    for (int i = 0; i < hashes.length; i++) {
      Message message = messages.get(i);
      hash = mix(hash, message.role().name().hashCode());
      hash = mix(hash, ((long) message.content().length() << 32) ^ message.content().hashCode());
      hashes[i] = hash;
      length += message.content().length();
      chars[i] = length;
      boolean asked = openingEnd > 0 && messages.get(openingEnd - 1).role() == Role.USER;
      openingEnd = asked ? openingEnd : i + 1;
    }
    long opening = openingEnd == 0 ? hash : hashes[openingEnd - 1];
    return new PrefixChain(hashes, chars, opening);
  }

  /** How many messages. */
  int size() {
    return hashes.length;
  }

  /** Of the first {@code messages} messages, 1 to {@link #size()}. */
  long hash(int messages) {
    return hashes[messages - 1];
  }

  /** Characters of the first {@code messages} messages. */
  int chars(int messages) {
    return chars[messages - 1];
  }

  /** Of the messages up to the user's first one: the same for all turns of a conversation. */
  long opening() {
    return opening;
  }

  /** Spreads every bit of both over the result (the finisher of SplitMix64). */
  static long mix(long hash, long value) {
    long z = hash * 0x9E3779B97F4A7C15L + value;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
