package io.parley.workers.batch;

import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Work;
import io.parley.workers.constraint.Constraint;
import io.parley.workers.replica.Replica;
import io.parley.workers.sampling.TokenCounts;
import io.parley.workers.text.AnswerText;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * One work in the batcher: its tokens so far (prompt, then answer) and how many of them the engine
 * has in its KV blocks. It decodes when all but the last are computed, else it is in prefill; a
 * preempted sequence goes back to none computed and is otherwise the same.
 */
final class Sequence {
  final Work work;
  final Replica.Listener listener;
  final int promptLength;
  final int droppedMessages;

  /** Order of arrival; smaller is older. */
  final long arrival;

  final AnswerText text;
  final TokenCounts counts; // null where the parameters have no penalty
  final Constraint constraint; // null where the answer may be anything
  final BlockTable blocks = new BlockTable();

  /** The prefix cache's: the tenant's root, then one for each full block, as far as needed. */
  final List<PrefixHash> hashes = new ArrayList<>();

  final PromptLookup lookup = new PromptLookup();

  /** Tokens whose keys and values are in the blocks. */
  int computed;

  int preemptions;

  /** Iterations in a row that gave it no prefill while others had some. */
  int passedOver;

  boolean announced;

  private int[] tokens;
  private int length;

  Sequence(
      Work work,
      int[] prompt,
      int droppedMessages,
      Replica.Listener listener,
      AnswerText text,
      Constraint constraint,
      long arrival) {
    this.work = work;
    this.listener = listener;
    this.promptLength = prompt.length;
    this.droppedMessages = droppedMessages;
    this.text = text;
    this.constraint = constraint;
    this.arrival = arrival;
    counts = TokenCounts.needed(work.sampling()) ? new TokenCounts() : null;
    tokens = Arrays.copyOf(prompt, prompt.length + work.prefix().size() + 64);
    length = prompt.length;
    if (counts != null) {
      for (int id : prompt) {
        counts.addPrompt(id);
      }
    }
    for (int id : work.prefix()) {
      append(id);
      text.push(id);
    }
  }

  SamplingParams sampling() {
    return work.sampling();
  }

  int length() {
    return length;
  }

  /** The token at a position; past the last one what the lookup guesses. */
  int token(int position) {
    return position < length ? tokens[position] : lookup.guess(tokens, length, position);
  }

  /** All tokens; not to be changed, and valid up to {@link #length}. */
  int[] tokens() {
    return tokens;
  }

  /** Tokens of the answer so far, the prefix included. */
  int answerLength() {
    return length - promptLength;
  }

  boolean decodes() {
    return computed == length - 1;
  }

  /** Whether it counts as interactive; a bulk work does after it was preempted a few times. */
  boolean urgent(int preemptionsMax) {
    return work.priority() == Priority.INTERACTIVE || preemptions >= preemptionsMax;
  }

  void append(int id) {
    if (length == tokens.length) {
      tokens = Arrays.copyOf(tokens, 2 * length);
    }
    tokens[length++] = id;
    if (counts != null) {
      counts.addAnswer(id);
    }
  }

  /** The last token of the answer, or -1 where there is none yet. */
  int lastOfAnswer() {
    return answerLength() > 0 ? tokens[length - 1] : -1;
  }
}
