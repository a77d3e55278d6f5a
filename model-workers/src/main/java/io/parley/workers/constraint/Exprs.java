package io.parley.workers.constraint;

import io.parley.workers.constraint.Expr.Repeat;
import io.parley.workers.constraint.Expr.Rule;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Makes the pieces of one grammar. Pieces that are written alike are one object. */
final class Exprs {
  /** More pieces than any schema of a sensible size has. */
  static final int PIECES_MAX = 200_000;

  private final Map<Object, Expr> pieces = new HashMap<>();
  private final List<Expr> all = new ArrayList<>();
  final Expr empty = add(new Expr.Empty(0));

  private record SeqKey(Expr head, Expr tail) {}

  private record RepeatKey(Expr item, int min, int max) {}

  private record AltKey(List<Expr> options) {}

  private <E extends Expr> E add(E piece) {
    if (all.size() >= PIECES_MAX) {
      throw SchemaException.tooLarge("makes a grammar that is too large");
    }
    all.add(piece);
    return piece;
  }

  /** All pieces, each behind its parts unless a rule is between. */
  List<Expr> all() {
    return all;
  }

  Expr bytes(ByteSet set) {
    return set.isEmpty()
        ? alt(List.of())
        : pieces.computeIfAbsent(set, key -> add(new Expr.Bytes(all.size(), set)));
  }

  Expr oneOf(String ascii) {
    return bytes(ByteSet.of(ascii));
  }

  Expr range(int first, int last) {
    return bytes(ByteSet.range(first, last));
  }

  /** These bytes, one after another. */
  Expr literal(byte[] text) {
    Expr whole = empty;
    for (int i = text.length - 1; i >= 0; i--) {
      whole = seq(bytes(ByteSet.of(text[i] & 0xff)), whole);
    }
    return whole;
  }

  Expr literal(String text) {
    return literal(text.getBytes(StandardCharsets.UTF_8));
  }

  Expr seq(Expr... parts) {
    Expr whole = empty;
    for (int i = parts.length - 1; i >= 0; i--) {
      whole = seq(parts[i], whole);
    }
    return whole;
  }

  private Expr seq(Expr head, Expr tail) {
    if (tail == empty) {
      return head;
    }
    if (head == empty) {
      return tail;
    }
    // to the right, so that what is left is always one piece
    List<Expr> parts = new ArrayList<>();
    Expr rest = head;
    for (; rest instanceof Expr.Seq pair; rest = pair.tail) {
      parts.add(pair.head);
    }
    parts.add(rest);
    Expr whole = tail;
    for (int i = parts.size() - 1; i >= 0; i--) {
      SeqKey key = new SeqKey(parts.get(i), whole);
      Expr known = pieces.get(key);
      if (known == null) {
        known = add(new Expr.Seq(all.size(), key.head(), key.tail()));
        pieces.put(key, known);
      }
      whole = known;
    }
    return whole;
  }

  Expr alt(Expr... options) {
    return alt(List.of(options));
  }

  /** One of these; none of none. */
  Expr alt(List<Expr> options) {
    Set<Expr> distinct = new LinkedHashSet<>();
    for (Expr option : options) {
      if (option instanceof Expr.Alt inner) {
        distinct.addAll(List.of(inner.options));
      } else {
        distinct.add(option);
      }
    }
    if (distinct.size() == 1) {
      return distinct.iterator().next();
    }
    AltKey key = new AltKey(List.copyOf(distinct));
    Expr known = pieces.get(key);
    if (known == null) {
      known = add(new Expr.Alt(all.size(), distinct.toArray(Expr[]::new)));
      pieces.put(key, known);
    }
    return known;
  }

  Expr optional(Expr piece) {
    return alt(empty, piece);
  }

  /**
   * A piece several times.
   *
   * @param max or {@link Repeat#UNBOUNDED}
   */
  Expr repeat(Expr item, int min, int max) {
    if (max == 0 || item == empty) {
      return empty;
    }
    if (item.nullable()) { // so that each round takes a byte
      return repeat(withoutEmpty(item), 0, max);
    }
    if (min == 1 && max == 1) {
      return item;
    }
    RepeatKey key = new RepeatKey(item, min, max);
    Expr known = pieces.get(key);
    if (known == null) {
      known = add(new Repeat(all.size(), item, min, max));
      pieces.put(key, known);
    }
    return known;
  }

  /** What the piece matches, but the empty string. */
  private Expr withoutEmpty(Expr piece) {
    if (!piece.nullable()) {
      return piece;
    }
    if (piece instanceof Expr.Alt alt) {
      return alt(Arrays.stream(alt.options).map(this::withoutEmpty).toList());
    }
    if (piece instanceof Expr.Seq pair) {
      return alt(seq(withoutEmpty(pair.head), pair.tail), withoutEmpty(pair.tail));
    }
    if (piece instanceof Repeat repeat) {
      return repeat(repeat.item, 1, repeat.max);
    }
    return alt(List.of());
  }

  /** A name for what {@link #define} says later. */
  Rule rule() {
    return add(new Rule(all.size()));
  }

  void define(Rule rule, Expr body) {
    rule.body = body;
    rule.nullable = body.nullable();
  }

  /** One of these texts; what they begin with alike is tried once. */
  Expr choice(Set<String> texts) {
    List<byte[]> sorted =
        texts.stream()
            .map(text -> text.getBytes(StandardCharsets.UTF_8))
            .sorted(Arrays::compareUnsigned)
            .toList();
    return choice(sorted, 0);
  }

  private Expr choice(List<byte[]> sorted, int at) {
    List<Expr> options = new ArrayList<>();
    Map<Byte, List<byte[]>> byNext = new LinkedHashMap<>();
    for (byte[] text : sorted) {
      if (text.length == at) {
        options.add(empty);
      } else {
        byNext.computeIfAbsent(text[at], b -> new ArrayList<>()).add(text);
      }
    }
    byNext.forEach(
        (next, those) -> {
          if (those.size() == 1) {
            byte[] only = those.get(0);
            options.add(literal(Arrays.copyOfRange(only, at, only.length)));
          } else {
            options.add(seq(bytes(ByteSet.of(next & 0xff)), choice(those, at + 1)));
          }
        });
    return alt(options);
  }
}
