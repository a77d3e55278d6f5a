package io.parley.workers.text;

import java.beans.FeatureDescriptor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;

/** The methods of Python's strings and dictionaries that chat templates call. */
final class PythonMethods extends ELResolver {
  @Override
  public Object invoke(
      ELContext context, Object base, Object method, Class<?>[] types, Object[] arguments) {
    Object[] args = arguments == null ? new Object[0] : arguments;
    Object result = null;
    if (base instanceof CharSequence text) {
      result = ofString(text.toString(), String.valueOf(method), args);
    } else if (base instanceof Map<?, ?> map) {
      result = ofMap(map, String.valueOf(method), args);
    }
    if (result != null) {
      context.setPropertyResolved(true);
    }
    return result;
  }

  private static Object ofString(String text, String method, Object[] args) {
    String first = args.length > 0 && args[0] != null ? args[0].toString() : null;
    return switch (method) {
      case "startswith" -> text.startsWith(first);
      case "endswith" -> text.endsWith(first);
      case "strip" -> right(left(text, first), first);
      case "lstrip" -> left(text, first);
      case "rstrip" -> right(text, first);
      case "split" -> split(text, first);
      case "splitlines" -> text.lines().toList();
      case "replace" -> text.replace(first, args[1].toString());
      case "find" -> (long) text.indexOf(first);
      case "upper" -> text.toUpperCase(Locale.ROOT);
      case "lower" -> text.toLowerCase(Locale.ROOT);
      case "capitalize" ->
          text.isEmpty()
              ? text
              : text.substring(0, 1).toUpperCase(Locale.ROOT)
                  + text.substring(1).toLowerCase(Locale.ROOT);
      default -> null;
    };
  }

  private static Object ofMap(Map<?, ?> map, String method, Object[] args) {
    return switch (method) {
      case "get" -> {
        Object value = map.get(args[0]);
        yield value == null && args.length > 1 ? args[1] : value;
      }
      case "keys" -> List.copyOf(map.keySet());
      case "items" -> map.entrySet().stream().map(e -> List.of(e.getKey(), e.getValue())).toList();
      default -> null;
    };
  }

  private static String left(String text, String chars) {
    int begin = 0;
    while (begin < text.length() && stripped(text.charAt(begin), chars)) {
      begin++;
    }
    return text.substring(begin);
  }

  private static String right(String text, String chars) {
    int end = text.length();
    while (end > 0 && stripped(text.charAt(end - 1), chars)) {
      end--;
    }
    return text.substring(0, end);
  }

  private static boolean stripped(char c, String chars) {
    return chars == null
        ? Character.isWhitespace(c) || Character.isSpaceChar(c)
        : chars.indexOf(c) >= 0;
  }

  private static List<String> split(String text, String separator) {
    if (separator == null) {
      return Arrays.stream(text.strip().split("\\s+")).filter(s -> !s.isEmpty()).toList();
    }
    return new ArrayList<>(Arrays.asList(text.split(Pattern.quote(separator), -1)));
  }

  @Override
  public Object getValue(ELContext context, Object base, Object property) {
    return null; // left to the next resolver
  }

  @Override
  public Class<?> getType(ELContext context, Object base, Object property) {
    return null;
  }

  @Override
  public void setValue(ELContext context, Object base, Object property, Object value) {}

  @Override
  public boolean isReadOnly(ELContext context, Object base, Object property) {
    return true;
  }

  @Override
  public Iterator<FeatureDescriptor> getFeatureDescriptors(ELContext context, Object base) {
    return null;
  }

  @Override
  public Class<?> getCommonPropertyType(ELContext context, Object base) {
    return null;
  }
}
