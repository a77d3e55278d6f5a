package io.parley.workers.text;

import com.hubspot.jinjava.lib.filter.Filter;
import java.beans.FeatureDescriptor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;
import jinjava.javax.el.MethodNotFoundException;

/**
 * The methods of Python's strings and dictionaries that chat templates call. What else Java's own
 * classes can do (repeat a text a billion times) is nothing to templates.
 */
final class PythonMethods extends ELResolver {
  @Override
  public Object invoke(
      ELContext context, Object base, Object method, Class<?>[] types, Object[] arguments) {
    Object[] args = arguments == null ? new Object[0] : arguments;
    RenderBudget.step();
    for (Object arg : args) {
      requireText(arg);
    }
    Object result = null;
    if (base instanceof CharSequence text) {
      requireText(text);
      result = ofString(text.toString(), String.valueOf(method), args);
    } else if (base instanceof Map<?, ?> map) {
      result = ofMap(map, String.valueOf(method), args);
    }
    if (result != null) {
      context.setPropertyResolved(true);
    } else if (base != null && !isOpen(base)) {
      throw new MethodNotFoundException("no method " + method);
    }
    return result;
  }

  private static void requireText(Object value) {
    if (value instanceof CharSequence text) {
      RenderBudget.requireText(text.length());
    }
  }

  /** Lists, dictionaries, and Jinjava's own: filters, tests, loops. */
  private static boolean isOpen(Object base) {
    return base instanceof Collection
        || base instanceof Map
        || base.getClass().getName().startsWith("com.hubspot.jinjava.")
        || base instanceof Filter;
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
      case "splitlines" -> bounded(text.lines().limit(TemplateRenderer.LIST_MAX + 1).toList());
      case "replace" ->
          replace(
              text,
              first,
              args[1].toString(),
              args.length > 2 ? ((Number) args[2]).intValue() : Integer.MAX_VALUE);
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
    int most = TemplateRenderer.LIST_MAX + 2;
    if (separator == null) {
      return bounded(
          Arrays.stream(text.strip().split("\\s+", most)).filter(s -> !s.isEmpty()).toList());
    }
    return bounded(new ArrayList<>(Arrays.asList(text.split(Pattern.quote(separator), most))));
  }

  private static List<String> bounded(List<String> parts) {
    if (parts.size() > TemplateRenderer.LIST_MAX) {
      throw new ChatTemplateException("a text has too many parts");
    }
    return parts;
  }

  /** Python's, which with nothing to look for finds it before each character and at the end. */
  static String replace(String text, String what, String by, int times) {
    long found = 0;
    for (int at = 0; found < times && (at = text.indexOf(what, at)) >= 0; found++) {
      at += Math.max(1, what.length());
      if (at > text.length()) {
        found++;
        break;
      }
    }
    RenderBudget.requireText(text.length() + found * (by.length() - what.length()));
    StringBuilder out = new StringBuilder();
    int from = 0;
    int search = 0;
    for (long n = 0; n < found; n++) {
      int at = text.indexOf(what, search);
      out.append(text, from, at).append(by);
      from = at + what.length();
      search = at + Math.max(1, what.length());
    }
    return out.append(text, from, text.length()).toString();
  }

  @Override
  public Object getValue(ELContext context, Object base, Object property) {
    RenderBudget.step();
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
