package io.parley.sessions.domain;

import io.parley.routing.protocol.Message;
import java.util.List;

/** A piece of a conversation, in order: messages that were added, or a turn that ended. */
public sealed interface Entry permits Entry.Added, EndedTurn {
  /** What it adds to the conversation that later turns see. */
  List<Message> messages();

  /** UTF-8 bytes of its text. */
  long textBytes();

  /** Bytes of its text and of its tokens as stored. */
  long storedBytes();

  /** Messages that were added without generating. */
  record Added(String key, List<Message> messages) implements Entry {
    public Added {
      messages = List.copyOf(messages);
    }

    @Override
    public long textBytes() {
      return Weight.of(messages);
    }

    @Override
    public long storedBytes() {
      return textBytes();
    }
  }
}
