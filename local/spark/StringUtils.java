package smfs.shaded.org.apache.commons.lang3;

/** The jar with Iceberg names this class under the prefix of its shading, and has left it out; Spark has it. */
public class StringUtils extends org.apache.commons.lang3.StringUtils {}
