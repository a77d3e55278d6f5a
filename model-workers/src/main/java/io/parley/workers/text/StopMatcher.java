package io.parley.workers.text;

import java.util.ArrayList;
import java.util.List;

/**
 * Finds the first stop string in an answer that comes in pieces. Text that may be the beginning of
 * a stop string is held back. The stop string that is complete first counts; of several that end at
 * the same place, the longest. Not thread-safe.
 */
public final class StopMatcher {
  private final List<Progress> stops = new ArrayList<>();
  private final StringBuilder held = new StringBuilder();
  private boolean stopped;

  /**
   * A matcher at the beginning of an answer.
   *
   * @throws IllegalArgumentException when a stop string is empty
   */
  public StopMatcher(List<String> stops) {
    for (String stop : stops) {
      if (stop.isEmpty()) {
        throw new IllegalArgumentException("a stop string is empty");
      }
      this.stops.add(new Progress(stop.codePoints().toArray()));
    }
  }

  /** The text that became final; when a stop string is complete, what stands before it. */
  public String push(String text) {
    if (stopped) {
      return "";
    }
    if (stops.isEmpty()) {
      return text;
    }
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < text.length(); ) {
      int codePoint = text.codePointAt(i);
      i += Character.charCount(codePoint);
      held.appendCodePoint(codePoint);
      int complete = 0;
      int begun = 0;
      for (Progress stop : stops) {
        stop.next(codePoint);
        if (stop.complete()) {
          complete = Math.max(complete, stop.matchedChars());
        }
        begun = Math.max(begun, stop.matchedChars());
      }
      if (complete > 0) {
        stopped = true;
        out.append(held, 0, held.length() - complete);
        held.setLength(0);
        return out.toString();
      }
      int released = held.length() - begun;
      out.append(held, 0, released);
      held.delete(0, released);
    }
    return out.toString();
  }

  /** Whether a stop string was met; nothing comes after it. */
  public boolean stopped() {
    return stopped;
  }

  /** The held-back text, at the end of an answer that met no stop string. */
  public String flush() {
    String tail = held.toString();
    held.setLength(0);
    return tail;
  }

  /** How much of one stop string the text so far ends with (Knuth, Morris and Pratt). */
  private static final class Progress {
    private final int[] stop;

    /** For each matched length, the next shorter one that also ends there. */
    private final int[] shorter;

    /** Chars of the first n code points. */
    private final int[] chars;

    private int matched;

    Progress(int[] stop) {
      this.stop = stop;
      this.shorter = new int[stop.length + 1];
      this.chars = new int[stop.length + 1];
      for (int i = 0; i < stop.length; i++) {
        chars[i + 1] = chars[i] + Character.charCount(stop[i]);
      }
      for (int i = 1, length = 0; i < stop.length; i++) {
        while (length > 0 && stop[i] != stop[length]) {
          length = shorter[length];
        }
        if (stop[i] == stop[length]) {
          length++;
        }
        shorter[i + 1] = length;
      }
    }

    void next(int codePoint) {
      while (matched > 0 && stop[matched] != codePoint) {
        matched = shorter[matched];
      }
      if (stop[matched] == codePoint) {
        matched++;
      }
    }

    boolean complete() {
      return matched == stop.length;
    }

    int matchedChars() {
      return chars[matched];
    }
  }
}
