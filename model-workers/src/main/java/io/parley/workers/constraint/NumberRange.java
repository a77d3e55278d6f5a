package io.parley.workers.constraint;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Numbers between bounds, digit by digit; those with a point have no exponent. */
final class NumberRange {
  /** Digits behind the point, few enough that a reader's rounding leaves them within the bounds. */
  private static final int FRACTION_MAX = 9;

  private static final BigInteger MOST =
      BigInteger.TEN.pow(JsonPieces.DIGITS_MAX).subtract(BigInteger.ONE);

  private final Exprs exprs;
  private final Map<Digits, Expr> fractions = new HashMap<>();

  /** One end of a range. */
  record Bound(BigDecimal value, boolean exclusive) {
    BigInteger leastInteger() {
      BigInteger up = value.setScale(0, RoundingMode.CEILING).toBigInteger();
      return exclusive && isWhole() ? up.add(BigInteger.ONE) : up;
    }

    BigInteger greatestInteger() {
      BigInteger down = value.setScale(0, RoundingMode.FLOOR).toBigInteger();
      return exclusive && isWhole() ? down.subtract(BigInteger.ONE) : down;
    }

    private boolean isWhole() {
      return value.stripTrailingZeros().scale() <= 0;
    }

    private Bound negated() {
      return new Bound(value.negate(), exclusive);
    }

    private BigInteger whole() {
      return value.toBigInteger();
    }

    /** The digits behind the point, without zeros at the end. */
    private String fraction() {
      String text = value.abs().stripTrailingZeros().toPlainString();
      int point = text.indexOf('.');
      return point < 0 ? "" : text.substring(point + 1);
    }
  }

  /**
   * Digits behind a point of a number at least one and at most another.
   *
   * @param high null: any
   * @param left how many digits there may be
   */
  private record Digits(
      String low, boolean lowExclusive, String high, boolean highExclusive, int left) {
    /** Whether it may end here: what follows are zeros. */
    boolean mayEnd() {
      return low.isEmpty() && !lowExclusive && (high == null || !high.isEmpty() || !highExclusive);
    }

    /** What is asked behind one more digit, or null where it does not fit. */
    Digits behind(char digit) {
      char least = low.isEmpty() ? '0' : low.charAt(0);
      char most = high == null ? '9' : high.isEmpty() ? '0' : high.charAt(0);
      if (digit < least || digit > most) {
        return null;
      }
      boolean atLow = digit == least;
      boolean atHigh = high != null && digit == most;
      return new Digits(
          atLow ? rest(low) : "",
          atLow && lowExclusive,
          atHigh ? rest(high) : null,
          atHigh && highExclusive,
          left - 1);
    }

    private static String rest(String digits) {
      return digits.isEmpty() ? "" : digits.substring(1);
    }
  }

  NumberRange(Exprs exprs) {
    this.exprs = exprs;
  }

  /** From the one to the other, both in it; what has too many digits is not. */
  Expr integers(BigInteger min, BigInteger max) {
    BigInteger low = min.max(MOST.negate());
    BigInteger high = max.min(MOST);
    List<Expr> options = new ArrayList<>();
    if (low.signum() < 0 && low.compareTo(high) <= 0) {
      BigInteger nearest = high.signum() < 0 ? high.negate() : BigInteger.ONE;
      options.add(exprs.seq(exprs.literal("-"), naturals(nearest, low.negate())));
    }
    if (high.signum() >= 0 && low.compareTo(high) <= 0) {
      options.add(naturals(low.max(BigInteger.ZERO), high));
    }
    return exprs.alt(options);
  }

  /** Between two bounds, of which one may be null. */
  Expr decimals(Bound low, Bound high) {
    List<Expr> options = new ArrayList<>();
    Bound zero = new Bound(BigDecimal.ZERO, false);
    boolean negative = low == null || low.value().signum() < 0;
    if (negative) {
      // without -0
      Bound nearest =
          high == null || high.value().signum() >= 0
              ? new Bound(BigDecimal.ZERO, true)
              : high.negated();
      Bound farthest = low == null ? null : low.negated();
      options.add(exprs.seq(exprs.literal("-"), magnitudes(nearest, farthest)));
    }
    if (high == null || high.value().signum() >= 0) {
      options.add(magnitudes(negative ? zero : low, high));
    }
    return exprs.alt(options);
  }

  private Expr magnitudes(Bound low, Bound high) {
    if (high != null && low.value().compareTo(high.value()) > 0) {
      return exprs.alt(List.of());
    }
    BigInteger first = low.whole();
    BigInteger last = high == null ? MOST : high.whole().min(MOST);
    boolean open = high == null || high.whole().compareTo(MOST) > 0;
    List<Expr> options = new ArrayList<>();
    if (first.equals(last)) {
      options.add(withFraction(first, low, high));
    } else if (first.compareTo(last) < 0) {
      options.add(withFraction(first, low, null));
      BigInteger from = first.add(BigInteger.ONE);
      BigInteger to = open ? last : last.subtract(BigInteger.ONE);
      if (from.compareTo(to) <= 0) {
        Expr any = fraction(new Digits("", false, null, false, FRACTION_MAX));
        options.add(exprs.seq(naturals(from, to), any));
      }
      if (!open) {
        options.add(withFraction(last, null, high));
      }
    }
    return exprs.alt(options);
  }

  private Expr withFraction(BigInteger whole, Bound low, Bound high) {
    Digits digits =
        new Digits(
            low == null ? "" : low.fraction(),
            low != null && low.exclusive(),
            high == null ? null : high.fraction(),
            high != null && high.exclusive(),
            FRACTION_MAX);
    return exprs.seq(exprs.literal(whole.toString()), fraction(digits));
  }

  /** A point and digits, or nothing where that is as good. */
  private Expr fraction(Digits digits) {
    Expr some = exprs.seq(exprs.literal("."), oneAtLeast(digits));
    return digits.mayEnd() ? exprs.alt(exprs.empty, some) : some;
  }

  private Expr oneAtLeast(Digits digits) {
    Expr known = fractions.get(digits);
    if (known == null) {
      Map<Expr, ByteSet> byRest = new LinkedHashMap<>();
      for (char digit = '0'; digit <= '9' && digits.left() > 0; digit++) {
        Digits behind = digits.behind(digit);
        if (behind != null) {
          Expr more = oneAtLeast(behind);
          Expr rest = behind.mayEnd() ? exprs.alt(exprs.empty, more) : more;
          byRest.merge(rest, ByteSet.of(digit), ByteSet::or);
        }
      }
      List<Expr> options = new ArrayList<>();
      byRest.forEach((rest, set) -> options.add(exprs.seq(exprs.bytes(set), rest)));
      known = exprs.alt(options);
      fractions.put(digits, known);
    }
    return known;
  }

  private Expr naturals(BigInteger low, BigInteger high) {
    List<Expr> options = new ArrayList<>();
    int longest = high.toString().length();
    for (int length = low.toString().length(); length <= longest; length++) {
      BigInteger least = length == 1 ? BigInteger.ZERO : BigInteger.TEN.pow(length - 1);
      BigInteger most = BigInteger.TEN.pow(length).subtract(BigInteger.ONE);
      String from = low.max(least).toString();
      String to = high.min(most).toString();
      options.add(sameLength(from, to));
    }
    return exprs.alt(options);
  }

  private Expr sameLength(String from, String to) {
    if (from.isEmpty()) {
      return exprs.empty;
    }
    if (from.equals("0".repeat(from.length())) && to.equals("9".repeat(to.length()))) {
      return exprs.repeat(exprs.range('0', '9'), from.length(), from.length());
    }
    char low = from.charAt(0);
    char high = to.charAt(0);
    String lowRest = from.substring(1);
    String highRest = to.substring(1);
    if (low == high) {
      return exprs.seq(exprs.range(low, low), sameLength(lowRest, highRest));
    }
    List<Expr> options = new ArrayList<>();
    options.add(
        exprs.seq(exprs.range(low, low), sameLength(lowRest, "9".repeat(lowRest.length()))));
    if (low + 1 < high) {
      int rest = lowRest.length();
      Expr digits = exprs.repeat(exprs.range('0', '9'), rest, rest);
      options.add(exprs.seq(exprs.range(low + 1, high - 1), digits));
    }
    options.add(
        exprs.seq(exprs.range(high, high), sameLength("0".repeat(highRest.length()), highRest)));
    return exprs.alt(options);
  }
}
