/** The list of certificates: pairs of files, and directories. */
#ifndef CONF_CERTIFICATE_H
#define CONF_CERTIFICATE_H

#include "conf/reader.h"

read_function certificate_list;

#endif
