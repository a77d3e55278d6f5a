package io.parley.workers.constraint;

import io.parley.workers.constraint.Expr.Repeat;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A grammar over bytes, run as a pushdown automaton. A {@link State} is the set of all stacks in
 * which the automaton may be after some bytes; states and the ways between them are made when they
 * are first needed and kept, so that a state that was seen before costs one look into an array.
 *
 * <p>The height of a stack is bounded, and a piece is entered only if it can be left within that
 * bound: from every state some bytes lead to an end.
 *
 * <p>What is kept is bounded: past {@value #STATES_MAX} states all are forgotten and made again
 * when needed, which changes no answer. Not thread-safe.
 */
final class Grammar {
  /** One for each level of nested arrays and objects. */
  static final int HEIGHT_MAX = 64;

  /** States that are remembered. */
  static final int STATES_MAX = 4096;

  /**
   * The most ways that lead on from a state. A byte behind which there are more does not fit: it
   * would be a very ambiguous schema, and the time for a token has to be bounded.
   */
  static final int EDGES_MAX = 1024;

  private final Expr root;
  private final int tokenBytesMax;
  private final int[] classes = new int[256];
  private final int classCount;
  private final int[] someOfClass;
  private final Map<StackKey, Stack> stacks = new HashMap<>();
  private final Map<List<Stack>, State> states = new HashMap<>();
  private final Map<RepeatKey, Repeat> repeats = new HashMap<>();
  private State start;
  private int stacksMade;

  /** What is still to be matched, this piece first. A null stack wants nothing more. */
  private static final class Stack {
    final Expr piece;
    final Stack below;
    final int height;
    final boolean countsFar;
    final int order;

    Stack(Expr piece, Stack below, boolean countsFar, int order) {
      this.piece = piece;
      this.below = below;
      this.height = heightOf(below) + 1;
      this.countsFar = countsFar || (below != null && below.countsFar);
      this.order = order;
    }
  }

  private record StackKey(Expr piece, Stack below) {}

  private record RepeatKey(Expr item, int min, int max) {}

  /** A byte of the set leads to the stack. */
  private record Edge(ByteSet set, Stack to) {}

  /** Where the automaton may be. */
  final class State {
    private final List<Stack> in; // null in it: the end
    private Edge[] edges;
    private State[] next;
    private State forMask;
    private long[] loops;
    private boolean mayEnd;

    private State(List<Stack> in) {
      this.in = in;
    }

    /** Whether what was read is whole. */
    boolean mayEnd() {
      open();
      return mayEnd;
    }

    /** Whether this byte comes first, whatever follows. */
    boolean onlyBegins(int value) {
      open();
      if (mayEnd) {
        return false;
      }
      for (Edge edge : edges) {
        if (!edge.set().equals(ByteSet.of(value))) {
          return false;
        }
      }
      return true;
    }

    /** Whether nothing can follow. */
    boolean complete() {
      open();
      return mayEnd && edges.length == 0;
    }

    /** The state behind one more byte, or null where it does not fit. */
    State next(int value) {
      open();
      int of = classes[value];
      State known = next[of];
      if (known == null) {
        known = follow(edges, someOfClass[of]);
        known.open();
        known = known.edges.length > EDGES_MAX ? dead : known;
        next[of] = known;
      }
      return known == dead ? null : known;
    }

    /** Whether these bytes, in any order and number, lead back here: four words of bits. */
    boolean staysUnder(long[] bits, int at) {
      if (loops == null) {
        boolean[] back = new boolean[classCount];
        for (int of = 0; of < classCount; of++) {
          back[of] = next(someOfClass[of]) == this;
        }
        loops = new long[4];
        for (int value = 0; value < 256; value++) {
          loops[value >> 6] |= back[classes[value]] ? 1L << value : 0;
        }
      }
      return (bits[at] & ~loops[0]) == 0
          && (bits[at + 1] & ~loops[1]) == 0
          && (bits[at + 2] & ~loops[2]) == 0
          && (bits[at + 3] & ~loops[3]) == 0;
    }

    /**
     * A state that lets the same tokens through: counts that no token can use up are cut, so that
     * the characters of a long text have one.
     */
    State forMask() {
      if (forMask == null) {
        boolean far = in.stream().anyMatch(stack -> stack != null && stack.countsFar);
        forMask = far ? state(in.stream().map(Grammar.this::cut).toList()) : this;
      }
      return forMask;
    }

    private void open() {
      if (edges == null) {
        Set<Edge> found = new LinkedHashSet<>();
        for (Stack stack : in) {
          mayEnd |= pop(stack, found);
        }
        next = new State[classCount];
        edges = found.toArray(Edge[]::new);
      }
    }
  }

  private final State dead = new State(List.of());

  /**
   * A grammar whose whole is {@code root}.
   *
   * @param tokenBytesMax bytes of the longest token
   * @throws SchemaException when nothing finite matches it, or a rule begins with itself
   */
  Grammar(Exprs exprs, Expr root, int tokenBytesMax) {
    this.root = root;
    this.tokenBytesMax = tokenBytesMax;
    Pieces.measure(exprs.all());
    Pieces.refuseLeftRecursion(exprs.all());
    if (root.height > HEIGHT_MAX) {
      throw new SchemaException(
          SchemaException.Kind.INVALID, "", "is met by no value, or by none of a sensible depth");
    }
    classCount = Pieces.classify(exprs.all(), classes);
    someOfClass = new int[classCount];
    for (int value = 0; value < 256; value++) {
      someOfClass[classes[value]] = value;
    }
  }

  /** Before the first byte. */
  State start() {
    if (start == null) {
      start = state(List.of(push(root, null)));
    }
    return start;
  }

  private static int heightOf(Stack stack) {
    return stack == null ? 0 : stack.height;
  }

  private Stack push(Expr piece, Stack below) {
    StackKey key = new StackKey(piece, below);
    Stack known = stacks.get(key);
    if (known == null) {
      boolean far =
          piece instanceof Repeat repeat
              && (repeat.min > tokenBytesMax + 1 || repeat.max > tokenBytesMax + 1);
      known = new Stack(piece, below, far, stacksMade++);
      stacks.put(key, known);
    }
    return known;
  }

  private State state(List<Stack> in) {
    State known = states.get(in);
    if (known == null) {
      if (states.size() >= STATES_MAX || stacks.size() >= 16 * STATES_MAX) {
        states.clear();
        stacks.clear();
        repeats.clear();
        start = null;
      }
      known = new State(in);
      states.put(in, known);
    }
    return known;
  }

  private State follow(Edge[] edges, int value) {
    Set<Stack> distinct = new LinkedHashSet<>(2);
    for (Edge edge : edges) {
      if (edge.set().has(value)) {
        distinct.add(edge.to());
      }
    }
    List<Stack> to = new ArrayList<>(distinct);
    to.sort((a, b) -> Integer.compare(a == null ? -1 : a.order, b == null ? -1 : b.order));
    return to.isEmpty() ? dead : state(Collections.unmodifiableList(to));
  }

  /** Adds what bytes lead on from a stack; returns whether it may be at its end. */
  private boolean pop(Stack stack, Set<Edge> found) {
    return stack == null || expand(stack.piece, stack.below, found);
  }

  private boolean expand(Expr piece, Stack below, Set<Edge> found) {
    if (heightOf(below) + piece.height > HEIGHT_MAX) {
      return false;
    }
    if (piece instanceof Expr.Bytes bytes) {
      found.add(new Edge(bytes.set, below));
      return false;
    }
    if (piece instanceof Expr.Seq pair) {
      return expand(pair.head, push(pair.tail, below), found);
    }
    if (piece instanceof Expr.Alt alt) {
      boolean end = false;
      for (Expr option : alt.options) {
        end |= expand(option, below, found);
      }
      return end;
    }
    if (piece instanceof Repeat repeat) {
      boolean end = repeat.min == 0 && pop(below, found);
      Stack after = repeat.max == 1 ? below : push(oneLess(repeat), below);
      boolean inside = expand(repeat.item, after, found);
      return inside || end;
    }
    if (piece instanceof Expr.Rule rule) {
      return expand(rule.body, below, found);
    }
    return pop(below, found); // the empty string
  }

  private Repeat oneLess(Repeat repeat) {
    int max = repeat.max == Repeat.UNBOUNDED ? Repeat.UNBOUNDED : repeat.max - 1;
    int min = Math.max(0, repeat.min - 1);
    return min == repeat.min && max == repeat.max ? repeat : counted(repeat.item, min, max);
  }

  private Repeat counted(Expr item, int min, int max) {
    return repeats.computeIfAbsent(
        new RepeatKey(item, min, max),
        key -> {
          Repeat made = new Repeat(-1, item, min, max);
          made.height = Pieces.leastHeight(made);
          return made;
        });
  }

  private Stack cut(Stack stack) {
    if (stack == null || !stack.countsFar) {
      return stack;
    }
    Expr piece = stack.piece;
    if (piece instanceof Repeat repeat) {
      int far = tokenBytesMax + 1;
      piece = counted(repeat.item, Math.min(repeat.min, far), Math.min(repeat.max, far));
    }
    return push(piece, cut(stack.below));
  }
}
