package io.parley.workers.constraint;

import io.parley.workers.constraint.Expr.Repeat;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * JSON as answers have it. White space stands only behind an opening bracket, a comma or a colon
 * and before a closing bracket, and is nothing, one space, or a line break and up to {@value
 * #INDENT_MAX} spaces: a model that begins to write spaces comes to an end. Numbers have at most 18
 * digits before the point, 17 behind it, and two in the exponent, so that every reader can hold
 * them.
 */
final class JsonPieces {
  private static final int INDENT_MAX = 32;
  private static final int FRACTION_MAX = 17;

  /** Digits of a number before its point. */
  static final int DIGITS_MAX = 18;

  /** What stands in a string as it is. */
  static final CodePoints PLAIN =
      CodePoints.range(0x20, 0x10ffff).and(CodePoints.ALL).minus(CodePoints.of("\"\\"));

  private final Exprs exprs;
  final Expr space;
  final Expr character;
  private final Expr plain;
  private final Expr.Rule any;
  private final Expr anyString;

  JsonPieces(Exprs exprs) {
    this.exprs = exprs;
    Expr indent = exprs.repeat(exprs.literal(" "), 0, INDENT_MAX);
    space = exprs.alt(exprs.empty, exprs.literal(" "), exprs.seq(exprs.literal("\n"), indent));
    plain = PLAIN.utf8(exprs);
    character = exprs.alt(plain, escape());
    anyString = string(0, Repeat.UNBOUNDED);
    any = exprs.rule();
    exprs.define(
        any,
        exprs.alt(
            anyString,
            number(),
            exprs.choice(Set.of("true", "false", "null")),
            array(any, 0, Repeat.UNBOUNDED),
            object()));
  }

  /** Any value. */
  Expr any() {
    return any;
  }

  /** Any object. */
  Expr object() {
    return object(List.of(), any);
  }

  private Expr escape() {
    Expr hex = exprs.oneOf("0123456789abcdefABCDEF");
    Expr noSurrogate =
        exprs.alt(
            exprs.seq(exprs.oneOf("0123456789abcefABCEF"), hex, hex, hex),
            exprs.seq(exprs.oneOf("dD"), exprs.oneOf("01234567"), hex, hex));
    Expr pair =
        exprs.seq(
            exprs.oneOf("dD"),
            exprs.oneOf("89abAB"),
            hex,
            hex,
            exprs.literal("\\u"),
            exprs.oneOf("dD"),
            exprs.oneOf("cdefCDEF"),
            hex,
            hex);
    return exprs.seq(
        exprs.literal("\\"),
        exprs.alt(
            exprs.oneOf("\"\\/bfnrt"),
            exprs.seq(exprs.literal("u"), exprs.alt(noSurrogate, pair))));
  }

  /** A string of so many characters. */
  Expr string(int min, int max) {
    return quoted(exprs.repeat(character, min, max));
  }

  Expr quoted(Expr content) {
    return exprs.seq(exprs.literal("\""), content, exprs.literal("\""));
  }

  /** One character of a set, inside a string, escaped only where it must be. */
  Expr characterOf(CodePoints set) {
    List<Expr> options = new ArrayList<>();
    options.add(set.and(PLAIN).utf8(exprs));
    String escaped = "\"\\\b\f\n\r\t";
    String letters = "\"\\bfnrt";
    for (int c = 0; c < 0x80; c++) {
      if (set.has(c) && !PLAIN.has(c)) {
        int named = escaped.indexOf(c);
        options.add(
            exprs.literal(named >= 0 ? "\\" + letters.charAt(named) : "\\u%04x".formatted(c)));
      }
    }
    return exprs.alt(options);
  }

  Expr digits(int min, int max) {
    return exprs.repeat(exprs.range('0', '9'), min, max);
  }

  Expr integer() {
    return exprs.seq(
        exprs.optional(exprs.literal("-")),
        exprs.alt(exprs.literal("0"), exprs.seq(exprs.range('1', '9'), digits(0, DIGITS_MAX - 1))));
  }

  Expr number() {
    Expr exponent = exprs.seq(exprs.oneOf("eE"), exprs.optional(exprs.oneOf("+-")), digits(1, 2));
    return exprs.seq(integer(), exprs.optional(fraction()), exprs.optional(exponent));
  }

  /** A point and digits. */
  Expr fraction() {
    return exprs.seq(exprs.literal("."), digits(1, FRACTION_MAX));
  }

  Expr array(Expr item, int min, int max) {
    Expr empty = exprs.seq(exprs.literal("["), space, exprs.literal("]"));
    if (max == 0) {
      return empty;
    }
    Expr more =
        exprs.repeat(
            exprs.seq(exprs.literal(","), space, item),
            Math.max(0, min - 1),
            max == Repeat.UNBOUNDED ? max : max - 1);
    Expr filled = exprs.seq(exprs.literal("["), space, item, more, space, exprs.literal("]"));
    return min == 0 ? exprs.alt(empty, filled) : filled;
  }

  /** An array of just these items. */
  Expr tuple(List<Expr> items) {
    List<Expr> parts = new ArrayList<>();
    for (Expr item : items) {
      parts.add(exprs.literal(parts.isEmpty() ? "[" : ","));
      parts.add(space);
      parts.add(item);
    }
    if (parts.isEmpty()) {
      parts.add(exprs.literal("["));
    }
    parts.add(space);
    parts.add(exprs.literal("]"));
    return exprs.seq(parts.toArray(Expr[]::new));
  }

  /** A property of an object. */
  record Member(String name, Expr value, boolean required) {}

  /**
   * An object with these properties in this order, and others behind them.
   *
   * @param others what other properties may be; null where there are none
   */
  Expr object(List<Member> members, Expr others) {
    Expr end = exprs.seq(space, exprs.literal("}"));
    Expr separator = exprs.seq(exprs.literal(","), space);
    Expr first = exprs.alt(List.of()); // the properties from here on, one of them at least
    Expr more = end; // what follows a property
    boolean mayEnd = true;
    if (others != null) {
      Expr other = exprs.seq(nameNotOf(members), exprs.literal(":"), space, others);
      more = exprs.seq(exprs.repeat(exprs.seq(separator, other), 0, Repeat.UNBOUNDED), end);
      first = exprs.seq(other, more);
    }
    for (int i = members.size() - 1; i >= 0; i--) {
      Member member = members.get(i);
      Expr name = exprs.literal(SchemaCompiler.text(member.name()) + ":");
      Expr one = exprs.seq(name, space, member.value(), more);
      first = member.required() ? one : exprs.alt(one, first);
      mayEnd &= !member.required();
      Expr next = exprs.seq(separator, first);
      more = mayEnd ? exprs.alt(end, next) : next;
    }
    Expr some = exprs.seq(space, first);
    return exprs.seq(exprs.literal("{"), mayEnd ? exprs.alt(end, some) : some);
  }

  /** A string without escapes that is none of these names. */
  private Expr nameNotOf(List<Member> members) {
    List<int[]> names = members.stream().map(m -> m.name().codePoints().toArray()).toList();
    return exprs.seq(exprs.literal("\""), nameNotOf(names, 0));
  }

  private Expr nameNotOf(List<int[]> names, int at) {
    Map<Integer, List<int[]>> byNext = new LinkedHashMap<>();
    boolean isName = false;
    for (int[] name : names) {
      if (name.length == at) {
        isName = true;
      } else {
        byNext.computeIfAbsent(name[at], c -> new ArrayList<>()).add(name);
      }
    }
    List<Expr> options = new ArrayList<>();
    CodePoints others = PLAIN;
    for (Map.Entry<Integer, List<int[]>> next : byNext.entrySet()) {
      CodePoints character = CodePoints.range(next.getKey(), next.getKey());
      others = others.minus(character);
      options.add(exprs.seq(character.and(PLAIN).utf8(exprs), nameNotOf(next.getValue(), at + 1)));
    }
    Expr rest = exprs.seq(exprs.repeat(plain, 0, Repeat.UNBOUNDED), exprs.literal("\""));
    options.add(exprs.seq(others.utf8(exprs), rest));
    if (!isName) {
      options.add(exprs.literal("\""));
    }
    return exprs.alt(options);
  }
}
