package io.parley.workers.constraint;

/**
 * A piece of a grammar over bytes, made by {@link Exprs}, which gives equal pieces the same object:
 * they are compared by identity.
 */
abstract sealed class Expr {
  /** Needs more of the stack than there ever is: matches nothing. */
  static final int NEVER = Integer.MAX_VALUE / 2;

  /** Grows from the parts to the whole, where the whole is not a {@link Rule}. */
  final int id;

  /** The least height of the stack above its own in which it can be matched to its end. */
  int height = NEVER;

  private Expr(int id) {
    this.id = id;
  }

  /** Whether it matches the empty string. */
  abstract boolean nullable();

  /** The empty string. */
  static final class Empty extends Expr {
    Empty(int id) {
      super(id);
    }

    @Override
    boolean nullable() {
      return true;
    }
  }

  /** One byte out of a set. */
  static final class Bytes extends Expr {
    final ByteSet set;

    Bytes(int id, ByteSet set) {
      super(id);
      this.set = set;
    }

    @Override
    boolean nullable() {
      return false;
    }
  }

  /** One piece, then another. */
  static final class Seq extends Expr {
    final Expr head;
    final Expr tail;

    Seq(int id, Expr head, Expr tail) {
      super(id);
      this.head = head;
      this.tail = tail;
    }

    @Override
    boolean nullable() {
      return head.nullable() && tail.nullable();
    }
  }

  /** One of several; of none, nothing is matched. */
  static final class Alt extends Expr {
    final Expr[] options;

    Alt(int id, Expr[] options) {
      super(id);
      this.options = options;
    }

    @Override
    boolean nullable() {
      for (Expr option : options) {
        if (option.nullable()) {
          return true;
        }
      }
      return false;
    }
  }

  /** A piece that is not empty, {@code min} to {@code max} times. */
  static final class Repeat extends Expr {
    static final int UNBOUNDED = -1;

    final Expr item;
    final int min;
    final int max;

    Repeat(int id, Expr item, int min, int max) {
      super(id);
      this.item = item;
      this.min = min;
      this.max = max;
    }

    @Override
    boolean nullable() {
      return min == 0;
    }
  }

  /** A name for a piece, which may stand inside it, but not at its beginning. */
  static final class Rule extends Expr {
    Expr body;
    boolean nullable;

    Rule(int id) {
      super(id);
    }

    @Override
    boolean nullable() {
      return nullable;
    }
  }
}
