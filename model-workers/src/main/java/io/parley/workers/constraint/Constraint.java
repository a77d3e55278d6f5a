package io.parley.workers.constraint;

/** Where one answer stands in its form. Not thread-safe. */
public final class Constraint {
  private final FormGrammar form;
  private Grammar.State state;

  Constraint(FormGrammar form) {
    this.form = form;
    this.state = form.start();
  }

  /**
   * Goes on behind one more token of the answer.
   *
   * @return false when the token does not fit; then nothing changed
   */
  public boolean accept(int token) {
    Grammar.State to = form.after(state, token);
    if (to == null) {
      return false;
    }
    state = to;
    return true;
  }

  /**
   * The tokens that may come next, as bits by id; not to be changed. Those that end the answer are
   * among them where it may end.
   */
  public long[] mask() {
    return form.mask(state);
  }

  /** Whether the answer is whole and nothing can follow. */
  public boolean complete() {
    return state.complete();
  }
}
