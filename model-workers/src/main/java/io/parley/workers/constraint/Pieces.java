package io.parley.workers.constraint;

import io.parley.workers.constraint.Expr.Repeat;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** What is found out of a grammar's pieces before it runs. */
final class Pieces {
  private Pieces() {}

  /** Finds the least heights, from below, until nothing changes. */
  static void measure(List<Expr> pieces) {
    boolean changed = true;
    while (changed) {
      changed = false;
      for (Expr piece : pieces) {
        int height = leastHeight(piece);
        changed |= height != piece.height;
        piece.height = height;
      }
    }
  }

  static int leastHeight(Expr piece) {
    if (piece instanceof Expr.Seq pair) {
      return Math.max(above(pair.head), pair.tail.height);
    }
    if (piece instanceof Expr.Alt alt) {
      return Arrays.stream(alt.options).mapToInt(o -> o.height).min().orElse(Expr.NEVER);
    }
    if (piece instanceof Repeat repeat) {
      return repeat.min == 0 ? 0 : above(repeat.item);
    }
    return piece instanceof Expr.Rule rule ? rule.body.height : 0;
  }

  private static int above(Expr piece) {
    return Math.min(piece.height + 1, Expr.NEVER);
  }

  static void refuseLeftRecursion(List<Expr> pieces) {
    Set<Expr> done = new HashSet<>();
    for (Expr piece : pieces) {
      if (piece instanceof Expr.Rule) {
        checkBeginning(piece, new LinkedHashSet<>(), done);
      }
    }
  }

  private static void checkBeginning(Expr piece, Set<Expr> within, Set<Expr> done) {
    if (done.contains(piece)) {
      return;
    }
    if (!within.add(piece)) {
      throw new SchemaException(
          SchemaException.Kind.INVALID, "", "refers to itself and nothing else");
    }
    if (piece instanceof Expr.Rule rule) {
      checkBeginning(rule.body, within, done);
    } else if (piece instanceof Expr.Alt alt) {
      for (Expr option : alt.options) {
        checkBeginning(option, within, done);
      }
    } else if (piece instanceof Repeat repeat) {
      checkBeginning(repeat.item, within, done);
    } else if (piece instanceof Expr.Seq pair) {
      checkBeginning(pair.head, within, done);
      if (pair.head.nullable()) {
        checkBeginning(pair.tail, within, done);
      }
    }
    within.remove(piece);
    done.add(piece);
  }

  /**
   * Bytes that every set has or has not together are one class.
   *
   * @param classes is filled with the class of each byte
   * @return how many there are
   */
  static int classify(List<Expr> pieces, int[] classes) {
    int count = 1;
    Set<ByteSet> sets = new LinkedHashSet<>();
    for (Expr piece : pieces) {
      if (piece instanceof Expr.Bytes bytes && sets.add(bytes.set) && count < 256) {
        int[] split = new int[256];
        Arrays.fill(split, -1);
        int[] sizes = new int[256];
        int[] members = new int[256];
        for (int value = 0; value < 256; value++) {
          sizes[classes[value]]++;
          members[classes[value]] += bytes.set.has(value) ? 1 : 0;
        }
        for (int value = 0; value < 256; value++) {
          int of = classes[value];
          if (bytes.set.has(value) && members[of] < sizes[of]) {
            split[of] = split[of] < 0 ? count++ : split[of];
            classes[value] = split[of];
          }
        }
      }
    }
    return count;
  }
}
