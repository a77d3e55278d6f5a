package io.parley.workers.constraint;

import io.parley.workers.constraint.Expr.Repeat;
import io.parley.workers.constraint.SchemaException.Kind;
import java.util.ArrayList;
import java.util.List;

/**
 * A regular expression (ECMA 262) as the content of a JSON string. Groups, alternatives, classes
 * and counts; no look-around, references, word boundaries or Unicode properties. As JSON schema
 * says, it matches anywhere in the text unless {@code ^} and {@code $} stand at its ends.
 */
final class PatternCompiler {
  private static final int NESTING_MAX = 32;
  private static final int COUNT_MAX = 1000;

  private static final CodePoints DIGIT = CodePoints.range('0', '9');
  private static final CodePoints WORD =
      DIGIT.or(CodePoints.range('A', 'Z')).or(CodePoints.range('a', 'z')).or(CodePoints.of("_"));
  private static final CodePoints SPACE = CodePoints.of(" \t\n\u000b\f\r");

  /** White space by any reader's rules; what \S leaves out. */
  private static final CodePoints WIDE_SPACE =
      SPACE
          .or(CodePoints.of("\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff\u0085"))
          .or(CodePoints.range(0x2000, 0x200a));

  private static final CodePoints LINE_END = CodePoints.of("\n\r\u0085\u2028\u2029");

  private final int[] pattern;
  private final String path;
  private final Exprs exprs;
  private final JsonPieces pieces;
  private int at;
  private int nesting;

  PatternCompiler(String pattern, String path, Exprs exprs, JsonPieces pieces) {
    this.pattern = pattern.codePoints().toArray();
    this.path = path;
    this.exprs = exprs;
    this.pieces = pieces;
  }

  Expr compile() {
    Expr anything = exprs.repeat(pieces.character, 0, Repeat.UNBOUNDED);
    int end = pattern.length;
    boolean fromStart = end > 0 && pattern[0] == '^';
    boolean toEnd = end > 0 && pattern[end - 1] == '$' && !isEscaped(end - 1);
    at = fromStart ? 1 : 0;
    int from = at;
    Expr inner = alternatives(toEnd ? end - 1 : end);
    if (at != (toEnd ? end - 1 : end)) {
      throw invalid("has a ')' too many");
    }
    if ((fromStart || toEnd) && hasTopLevelBar(from)) {
      throw unsupported("needs a group around alternatives between '^' and '$'");
    }
    return exprs.seq(fromStart ? exprs.empty : anything, inner, toEnd ? exprs.empty : anything);
  }

  private boolean isEscaped(int index) {
    int backslashes = 0;
    for (int i = index - 1; i >= 0 && pattern[i] == '\\'; i--) {
      backslashes++;
    }
    return backslashes % 2 == 1;
  }

  private boolean hasTopLevelBar(int from) {
    int depth = 0;
    boolean inClass = false;
    for (int i = from; i < pattern.length; i++) {
      switch (pattern[i]) {
        case '\\' -> i++;
        case '[' -> inClass = true;
        case ']' -> inClass = false;
        case '(' -> depth += inClass ? 0 : 1;
        case ')' -> depth -= inClass ? 0 : 1;
        case '|' -> {
          if (depth == 0 && !inClass) {
            return true;
          }
        }
        default -> {}
      }
    }
    return false;
  }

  private Expr alternatives(int end) {
    if (++nesting > NESTING_MAX) {
      throw new SchemaException(Kind.TOO_LARGE, path, "nests more than " + NESTING_MAX + " groups");
    }
    List<Expr> options = new ArrayList<>();
    options.add(sequence(end));
    while (at < end && pattern[at] == '|') {
      at++;
      options.add(sequence(end));
    }
    nesting--;
    return exprs.alt(options);
  }

  private Expr sequence(int end) {
    List<Expr> parts = new ArrayList<>();
    while (at < end && pattern[at] != '|' && pattern[at] != ')') {
      parts.add(counted(atom(end), end));
    }
    return exprs.seq(parts.toArray(Expr[]::new));
  }

  private Expr atom(int end) {
    int c = pattern[at++];
    switch (c) {
      case '(':
        return group(end);
      case '[':
        return pieces.characterOf(characterClass(end));
      case '.':
        return pieces.characterOf(LINE_END.complement());
      case '\\':
        return pieces.characterOf(escape(end, false));
      case '^':
      case '$':
        throw unsupported("has '^' or '$' elsewhere than at its ends");
      case '*':
      case '+':
      case '?':
      case '{':
      case '}':
      case ']':
        throw invalid("has '" + Character.toString(c) + "' in a wrong place; it needs a '\\'");
      default:
        return pieces.characterOf(CodePoints.range(c, c));
    }
  }

  private Expr group(int end) {
    if (at < end && pattern[at] == '?') {
      if (at + 1 >= end || pattern[at + 1] != ':') {
        throw unsupported("has a group that is not plain");
      }
      at += 2;
    }
    Expr inner = alternatives(end);
    if (at >= end || pattern[at] != ')') {
      throw invalid("has a '(' without a ')'");
    }
    at++;
    return inner;
  }

  private Expr counted(Expr piece, int end) {
    if (at >= end) {
      return piece;
    }
    Expr repeated;
    switch (pattern[at]) {
      case '*' -> {
        at++;
        repeated = exprs.repeat(piece, 0, Repeat.UNBOUNDED);
      }
      case '+' -> {
        at++;
        repeated = exprs.repeat(piece, 1, Repeat.UNBOUNDED);
      }
      case '?' -> {
        at++;
        repeated = exprs.optional(piece);
      }
      case '{' -> {
        at++;
        int min = number(end);
        int max = min;
        if (at < end && pattern[at] == ',') {
          at++;
          max = at < end && pattern[at] == '}' ? Repeat.UNBOUNDED : number(end);
        }
        if (at >= end || pattern[at] != '}' || (max != Repeat.UNBOUNDED && max < min)) {
          throw invalid("has a count that is none");
        }
        at++;
        repeated = exprs.repeat(piece, min, max);
      }
      default -> {
        return piece;
      }
    }
    if (at < end && pattern[at] == '?') {
      at++; // as few as possible: the same texts
    }
    return repeated;
  }

  private int number(int end) {
    int from = at;
    int number = 0;
    while (at < end && pattern[at] >= '0' && pattern[at] <= '9') {
      number = number * 10 + (pattern[at++] - '0');
      if (number > COUNT_MAX) {
        throw new SchemaException(Kind.TOO_LARGE, path, "counts beyond " + COUNT_MAX);
      }
    }
    if (at == from) {
      throw invalid("has a count that is none");
    }
    return number;
  }

  private CodePoints characterClass(int end) {
    boolean negated = at < end && pattern[at] == '^';
    at += negated ? 1 : 0;
    CodePoints set = CodePoints.of("");
    while (at < end && pattern[at] != ']') {
      CodePoints one = classMember(end);
      boolean range = at + 1 < end && pattern[at] == '-' && pattern[at + 1] != ']';
      if (range) {
        at++;
        CodePoints last = classMember(end);
        if (one.single() < 0 || last.single() < one.single()) {
          throw invalid("has a range of characters that is none");
        }
        one = CodePoints.range(one.single(), last.single());
      }
      set = set.or(one);
    }
    if (at >= end) {
      throw invalid("has a '[' without a ']'");
    }
    at++;
    return negated ? set.complement() : set.and(CodePoints.ALL);
  }

  private CodePoints classMember(int end) {
    int c = pattern[at++];
    return c == '\\' ? escape(end, true) : CodePoints.range(c, c);
  }

  private CodePoints escape(int end, boolean inClass) {
    if (at >= end) {
      throw invalid("ends with a '\\'");
    }
    int c = pattern[at++];
    return switch (c) {
      case 'd' -> DIGIT;
      case 'D' -> DIGIT.complement();
      case 'w' -> WORD;
      case 'W' -> WORD.complement();
      case 's' -> SPACE;
      case 'S' -> WIDE_SPACE.complement();
      case 't' -> CodePoints.of("\t");
      case 'n' -> CodePoints.of("\n");
      case 'r' -> CodePoints.of("\r");
      case 'f' -> CodePoints.of("\f");
      case 'v' -> CodePoints.of("\u000b");
      case 'x' -> hex(end, 2);
      case 'u' -> hex(end, 4);
      default -> {
        boolean letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter && !(inClass && c == 'b')) {
          throw unsupported("has '\\" + Character.toString(c) + "'");
        }
        yield letter ? CodePoints.of("\b") : CodePoints.range(c, c);
      }
    };
  }

  private CodePoints hex(int end, int digits) {
    int value = 0;
    for (int i = 0; i < digits; i++) {
      int digit = at < end ? Character.digit(pattern[at++], 16) : -1;
      if (digit < 0) {
        throw invalid("has an escape that is none");
      }
      value = value * 16 + digit;
    }
    return CodePoints.range(value, value);
  }

  private SchemaException invalid(String rule) {
    return new SchemaException(Kind.INVALID, path, rule);
  }

  private SchemaException unsupported(String rule) {
    return new SchemaException(Kind.UNSUPPORTED, path, rule);
  }
}
