package io.parley.workers.batch;

import java.util.List;

/**
 * Adds guessed tokens to a pass: speculative decoding by {@link PromptLookup}. A decoding sequence
 * then has several rows, and gets as many tokens as were guessed right, and one more.
 *
 * <p>Only while a row more costs little: up to {@code rowsMax} rows in a pass, the prompts' among
 * them. The more sequences decode, the more those tokens would have been given anyway in the time
 * that a guess takes, and the likelier it must be: so from {@code rowsMax} sequences on there are
 * none.
 */
final class Drafts {
  private final int rowsMax;
  private final int contextLength;
  private final KvBlocks blocks;
  private long drafted;
  private long accepted;

  /**
   * As many as these settings say.
   *
   * @param rowsMax 0: never
   * @param contextLength the most tokens of a sequence
   */
  Drafts(int rowsMax, int contextLength, KvBlocks blocks) {
    this.rowsMax = rowsMax;
    this.contextLength = contextLength;
    this.blocks = blocks;
  }

  /** Tokens that were guessed and computed, since the start. */
  long drafted() {
    return drafted;
  }

  /** Of these, the ones that were drawn, too. */
  long accepted() {
    return accepted;
  }

  /** Each decoding sequence of a pass has its share; what one leaves is for those after it. */
  void addTo(Scheduler.Pass pass, List<Sequence> decoding, int running) {
    int left = rowsMax - pass.tokenCount();
    double atLeast = decoding.size() / (double) rowsMax;
    for (int i = 0; i < decoding.size() && left > 0; i++) {
      Sequence sequence = decoding.get(i);
      int share = (left + decoding.size() - i - 1) / (decoding.size() - i);
      int most = Math.min(share, useful(sequence));
      int count = sequence.lookup.draft(sequence.tokens(), sequence.length(), most, atLeast);
      count = Math.min(count, room(sequence, count, running));
      if (count > 0) {
        pass.draft(sequence, count);
        drafted += count;
        left -= count;
      }
    }
  }

  /** One more token is drawn behind the guessed ones; past the answer's end none is of use. */
  private int useful(Sequence sequence) {
    int ofAnswer = sequence.sampling().maxTokens() - sequence.answerLength();
    return Math.min(ofAnswer, contextLength - sequence.length()) - 1;
  }

  /** A block more is taken only where each running sequence could still get one. */
  private int room(Sequence sequence, int count, int running) {
    int positions = sequence.length() + count;
    int missing = blocks.blocksFor(positions) - sequence.blocks.size();
    if (missing > 0 && blocks.freeCount() - missing >= running) {
      blocks.grow(sequence.blocks, positions);
    }
    return sequence.blocks.size() * blocks.blockSize() - sequence.length();
  }

  /** A guessed token was drawn: its keys and values are those of the sequence. */
  void accept(Sequence sequence) {
    accepted++;
    sequence.computed++;
  }
}
