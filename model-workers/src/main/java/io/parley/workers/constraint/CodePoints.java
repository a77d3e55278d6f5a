package io.parley.workers.constraint;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** A set of code points (no surrogates) as sorted ranges, and its UTF-8 form as a grammar. */
final class CodePoints {
  static final CodePoints ALL =
      new CodePoints(List.of(new Range(0, 0xd7ff), new Range(0xe000, 0x10ffff)));

  private final List<Range> ranges;

  private record Range(int first, int last) {}

  private CodePoints(List<Range> ranges) {
    this.ranges = ranges;
  }

  static CodePoints of(String characters) {
    List<Range> ranges = characters.codePoints().mapToObj(c -> new Range(c, c)).toList();
    return normal(ranges);
  }

  /** From first to last, both in it. */
  static CodePoints range(int first, int last) {
    return normal(List.of(new Range(first, last)));
  }

  private static CodePoints normal(List<Range> unsorted) {
    List<Range> sorted = new ArrayList<>(unsorted);
    sorted.sort(Comparator.comparingInt(Range::first));
    List<Range> merged = new ArrayList<>();
    for (Range range : sorted) {
      Range last = merged.isEmpty() ? null : merged.get(merged.size() - 1);
      if (last != null && range.first() <= last.last() + 1) {
        merged.set(merged.size() - 1, new Range(last.first(), Math.max(last.last(), range.last())));
      } else {
        merged.add(range);
      }
    }
    return new CodePoints(merged);
  }

  CodePoints or(CodePoints other) {
    List<Range> both = new ArrayList<>(ranges);
    both.addAll(other.ranges);
    return normal(both);
  }

  CodePoints and(CodePoints other) {
    List<Range> common = new ArrayList<>();
    for (Range a : ranges) {
      for (Range b : other.ranges) {
        int first = Math.max(a.first(), b.first());
        int last = Math.min(a.last(), b.last());
        if (first <= last) {
          common.add(new Range(first, last));
        }
      }
    }
    return normal(common);
  }

  CodePoints minus(CodePoints other) {
    return and(other.complement());
  }

  /** All other characters. */
  CodePoints complement() {
    List<Range> others = new ArrayList<>();
    int from = 0;
    for (Range range : ranges) {
      if (range.first() > from) {
        others.add(new Range(from, range.first() - 1));
      }
      from = range.last() + 1;
    }
    if (from <= 0x10ffff) {
      others.add(new Range(from, 0x10ffff));
    }
    return new CodePoints(others).and(ALL);
  }

  boolean has(int codePoint) {
    return ranges.stream().anyMatch(r -> r.first() <= codePoint && codePoint <= r.last());
  }

  /** Its only character, or -1. */
  int single() {
    boolean one = ranges.size() == 1 && ranges.get(0).first() == ranges.get(0).last();
    return one ? ranges.get(0).first() : -1;
  }

  /** One character of the set in UTF-8. */
  Expr utf8(Exprs exprs) {
    List<Expr> options = new ArrayList<>();
    ByteSet ascii = ByteSet.of("");
    for (Range range : and(ALL).ranges) {
      if (range.first() < 0x80) {
        ascii = ascii.or(ByteSet.range(range.first(), Math.min(range.last(), 0x7f)));
      }
      int[] limits = {0x7f, 0x7ff, 0xffff, 0x10ffff};
      for (int bytes = 2; bytes <= 4; bytes++) {
        int first = Math.max(range.first(), limits[bytes - 2] + 1);
        int last = Math.min(range.last(), limits[bytes - 1]);
        if (first <= last) {
          options.add(encoded(exprs, first, last, bytes - 1, leadOf(bytes)));
        }
      }
    }
    if (!ascii.isEmpty()) {
      options.add(exprs.bytes(ascii));
    }
    return exprs.alt(options);
  }

  private static int leadOf(int bytes) {
    return bytes == 2 ? 0xc0 : bytes == 3 ? 0xe0 : 0xf0;
  }

  /**
   * Characters whose encodings are of one length.
   *
   * @param more bytes that follow the one that is looked at
   * @param mark what is added to the number in that byte
   */
  private static Expr encoded(Exprs exprs, int first, int last, int more, int mark) {
    if (more == 0) {
      return exprs.range(mark + first, mark + last);
    }
    int shift = 6 * more;
    int rest = (1 << shift) - 1;
    int low = first >> shift;
    int high = last >> shift;
    if (low == high) {
      return exprs.seq(
          exprs.range(mark + low, mark + low),
          encoded(exprs, first & rest, last & rest, more - 1, 0x80));
    }
    List<Expr> options = new ArrayList<>();
    if ((first & rest) != 0) {
      options.add(encoded(exprs, first, low << shift | rest, more, mark));
      low++;
    }
    boolean cutAbove = (last & rest) != rest;
    int wholeUpTo = cutAbove ? high - 1 : high;
    if (low <= wholeUpTo) {
      options.add(
          exprs.seq(
              exprs.range(mark + low, mark + wholeUpTo), encoded(exprs, 0, rest, more - 1, 0x80)));
    }
    if (cutAbove) {
      options.add(encoded(exprs, high << shift, last, more, mark));
    }
    return exprs.alt(options);
  }
}
