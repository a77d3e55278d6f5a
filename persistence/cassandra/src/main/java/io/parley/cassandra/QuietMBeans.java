package io.parley.cassandra;

import java.lang.management.ManagementFactory;
import java.util.Set;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import javax.management.QueryExp;
import org.apache.cassandra.utils.MBeanWrapper;

/**
 * Registers nothing. Nobody can connect to this process's JMX, and the thousands of beans of
 * Cassandra's metrics are a good part of its start. Beans of the JVM itself are found, since
 * Cassandra watches the garbage collector through them.
 */
public final class QuietMBeans implements MBeanWrapper {

  /** Called by Cassandra, by the name in its system property. */
  public QuietMBeans() {}

  @Override
  public void registerMBean(Object bean, ObjectName name, OnException onException) {
    // see above
  }

  @Override
  public boolean isRegistered(ObjectName name, OnException onException) {
    return false;
  }

  @Override
  public void unregisterMBean(ObjectName name, OnException onException) {
    // none is registered
  }

  @Override
  public Set<ObjectName> queryNames(ObjectName pattern, QueryExp query) {
    return getMBeanServer().queryNames(pattern, query);
  }

  @Override
  public MBeanServer getMBeanServer() {
    return ManagementFactory.getPlatformMBeanServer();
  }
}
