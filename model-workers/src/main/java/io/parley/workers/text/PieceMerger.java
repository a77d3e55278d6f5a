package io.parley.workers.text;

import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.stream.IntStream;

/**
 * SentencePiece as llama.cpp does it: begins with single characters, and joins the two neighbours
 * whose piece has the highest score, the leftmost of equal ones, until no two make a piece. What is
 * no piece then becomes bytes. (A BPE library wants a rank for each pair, not for what it makes,
 * and takes other pairs first where a piece can be made in several ways.)
 *
 * <p>Unlike there, neither control tokens nor bytes are pieces: no text makes those.
 */
final class PieceMerger implements Merger {
  private final Pieces pieces;
  private final Map<String, Integer> ids = new HashMap<>();
  private final byte[][] byteValues;

  PieceMerger(Pieces pieces) {
    this.pieces = pieces;
    Vocabulary vocabulary = pieces.vocabulary();
    for (int id = 0; id < vocabulary.size(); id++) {
      if (!vocabulary.special(id) && !vocabulary.isByte(id)) {
        ids.putIfAbsent(vocabulary.text(id), id);
      }
    }
    byteValues = new byte[vocabulary.size()][];
    for (int value = 0; value < pieces.byteTokens().length; value++) {
      byteValues[pieces.byteTokens()[value]] = new byte[] {(byte) value};
    }
  }

  @Override
  public void merge(String text, IntStream.Builder out) {
    String whole = pieces.spacePrefix() ? " " + text : text;
    new Run(whole.replace(' ', Pieces.SPACE)).merge(out);
  }

  @Override
  public byte[] bytes(int id) {
    return byteValues[id] != null
        ? byteValues[id]
        : pieces.vocabulary().text(id).replace(Pieces.SPACE, ' ').getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    // holds nothing outside of the heap
  }

  /**
   * Two neighbours that make a piece.
   *
   * @param end of the right one; another one by then means that a neighbour has been joined since
   */
  private record Pair(int left, int right, int end, float score) {
    static final Comparator<Pair> BEST_FIRST =
        Comparator.comparingDouble((Pair pair) -> -pair.score).thenComparingInt(Pair::left);
  }

  /** A text on its way to tokens; a symbol is known by where it begins. */
  private final class Run {
    private static final int NONE = -1;
    private static final int GONE = 0;

    private final String text;
    private final int[] ends;
    private final int[] before;
    private final PriorityQueue<Pair> pairs = new PriorityQueue<>(Pair.BEST_FIRST);

    Run(String text) {
      this.text = text;
      this.ends = new int[text.length()];
      this.before = new int[text.length()];
    }

    void merge(IntStream.Builder out) {
      int last = NONE;
      for (int at = 0; at < text.length(); at = ends[at]) {
        ends[at] = text.offsetByCodePoints(at, 1);
        before[at] = last;
        last = at;
      }
      for (int at = 0; at < text.length(); at = ends[at]) {
        offer(before[at], at);
      }
      for (Pair pair; (pair = pairs.poll()) != null; ) {
        if (ends[pair.left] == pair.right && ends[pair.right] == pair.end) {
          join(pair);
        }
      }
      for (int at = 0; at < text.length(); at = ends[at]) {
        add(text.substring(at, ends[at]), out);
      }
    }

    private void join(Pair pair) {
      ends[pair.left] = pair.end;
      ends[pair.right] = GONE;
      if (pair.end < text.length()) {
        before[pair.end] = pair.left;
        offer(pair.left, pair.end);
      }
      offer(before[pair.left], pair.left);
    }

    private void offer(int left, int right) {
      if (left != NONE) {
        Integer id = ids.get(text.substring(left, ends[right]));
        if (id != null) {
          pairs.add(new Pair(left, right, ends[right], pieces.scores()[id]));
        }
      }
    }

    private void add(String symbol, IntStream.Builder out) {
      Integer id = ids.get(symbol);
      if (id != null) {
        out.add(id);
        return;
      }
      for (byte value : symbol.getBytes(StandardCharsets.UTF_8)) {
        out.add(pieces.byteTokens()[value & 0xff]);
      }
    }
  }
}
