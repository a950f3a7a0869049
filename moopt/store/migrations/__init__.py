"""From the tables of earlier versions of moopt to those of this one."""
